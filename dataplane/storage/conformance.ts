/** What every engine must do, run against real ones. Each test has its own channels, so that they share a database. */
import { after, before, describe } from 'node:test';
import { directoryConformance } from './conformance/directory.ts';
import { fenceConformance } from './conformance/fence.ts';
import { leaseConformance } from './conformance/leases.ts';
import { logConformance } from './conformance/log.ts';
import { migrationConformance } from './conformance/migration.ts';
import { ringConformance } from './conformance/ring.ts';
import { openStore } from './open.ts';
import type { Store } from './store.ts';
import type { TestDatabases } from './testing/databases.ts';

/** One migrated database for the suite; `fresh` gives others. */
export interface Subject {
  readonly store: Store;
  /** URL of `store`. */
  readonly url: string;
  fresh(): Promise<string>;
}

export function storeConformance(name: string, databases: () => Promise<TestDatabases>): void {
  describe(`store: ${name}`, () => {
    let opened: { databases: TestDatabases; url: string; store: Store };
    before(async () => {
      const made = await databases();
      const url = await made.fresh();
      opened = { databases: made, url, store: await openStore(url) };
      await opened.store.migrate();
    });
    after(async () => {
      await opened.store.close();
      await opened.databases.close();
    });
    const subject: Subject = {
      get store() {
        return opened.store;
      },
      get url() {
        return opened.url;
      },
      fresh: () => opened.databases.fresh(),
    };
    migrationConformance(subject);
    logConformance(subject);
    fenceConformance(subject);
    directoryConformance(subject);
    leaseConformance(subject);
    ringConformance(subject);
  });
}
