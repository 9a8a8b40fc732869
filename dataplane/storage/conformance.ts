/** What every engine must do, run against real ones. Each test has its own channels, so that they share a database. */
import { after, before, describe } from 'node:test';
import type { DatabaseHooks } from '../../cells/contract/sql/database.ts';
import { directoryConformance } from './conformance/directory.ts';
import { fenceConformance } from './conformance/fence.ts';
import { leaseConformance } from './conformance/leases.ts';
import { logConformance } from './conformance/log.ts';
import { migrationConformance } from './conformance/migration.ts';
import { ringConformance } from './conformance/ring.ts';
import { openStore } from './open.ts';
import type { Store } from './store.ts';
import { type Closable, Closing } from './testing/closing.ts';
import type { TestDatabases } from './testing/databases.ts';

/** One migrated database for the suite; `fresh` gives others. */
export interface Subject {
  readonly store: Store;
  /** URL of `store`. */
  readonly url: string;
  fresh(): Promise<string>;
  /** As openStore; closed with the suite at the latest, so that a failed test does not keep the process alive. */
  open(url: string, hooks?: DatabaseHooks): Promise<Store>;
  closing<T extends Closable>(resource: T): T;
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
    const resources = new Closing();
    after(async () => {
      await Promise.all([opened.store.close(), resources.close()]);
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
      open: async (url, hooks) => resources.add(await openStore(url, hooks)),
      closing: (resource) => resources.add(resource),
    };
    migrationConformance(subject);
    logConformance(subject);
    fenceConformance(subject);
    directoryConformance(subject);
    leaseConformance(subject);
    ringConformance(subject);
  });
}
