import assert from 'node:assert/strict';
import { it } from 'node:test';
import { hasCode } from '../../../cells/contract/errors.ts';
import { statement } from '../../../cells/contract/sql/database.ts';
import { openDatabase } from '../../../cells/contract/sql/open-database.ts';
import type { Subject } from '../conformance.ts';
import { migrate } from '../migrate.ts';
import { MIGRATIONS } from '../schema.ts';

export function migrationConformance(subject: Subject): void {
  it('migrates once, also when several processes do it at the same time', async () => {
    const url = await subject.fresh();
    const stores = await Promise.all([subject.open(url), subject.open(url), subject.open(url)]);
    const results = await Promise.all(stores.map((s) => s.migrate()));
    const latest = MIGRATIONS.at(-1)!.version;
    assert.deepEqual(results.map((r) => r.from).sort(), [0, latest, latest].sort());
    assert.ok(results.every((r) => r.to === latest));
    await Promise.all(stores.map((s) => s.close()));
  });

  it('runs only the steps above the store’s version', async () => {
    const db = subject.closing(await openDatabase(await subject.fresh()));
    const step = (version: number) => ({
      version,
      name: `step ${version}`,
      statements: () => [statement(`CREATE TABLE step${version} (a INT NOT NULL, PRIMARY KEY (a))`)],
    });
    assert.deepEqual(await migrate(db, [step(1)]), { from: 0, to: 1 });
    assert.deepEqual(await migrate(db, [step(1), step(2)]), { from: 1, to: 2 });
    assert.deepEqual(await db.query(statement('SELECT a FROM step2')), []);
    await db.close();
  });

  it('leaves a store alone that a newer version migrated, as a rollback finds it', async () => {
    const url = await subject.fresh();
    const db = subject.closing(await openDatabase(url));
    await migrate(db, [...MIGRATIONS, { version: 999, name: 'newer', statements: () => [] }]);
    const store = await subject.open(url);
    assert.deepEqual(await store.migrate(), { from: 999, to: 999 });
    await Promise.all([store.close(), db.close()]);
  });

  it('refuses a store that it cannot work on any more, and lets the next one in', async () => {
    const url = await subject.fresh();
    const db = subject.closing(await openDatabase(url));
    await migrate(db, [...MIGRATIONS, { version: 1_000, name: 'future', statements: () => [] }]);
    const store = await subject.open(url);
    for (const _ of [1, 2])
      await assert.rejects(store.migrate(), (e) => hasCode(e, 'schema_too_new') && e.details.found === 1_000);
    await Promise.all([store.close(), db.close()]);
  });

  it('is unavailable, not broken, before anyone has migrated', async () => {
    const store = await subject.open(await subject.fresh());
    await assert.rejects(store.ring.heartbeats(), (e) => hasCode(e, 'store_unavailable'));
    await store.close();
  });

  it('closes twice, and is unavailable afterwards', async () => {
    const store = await subject.open(subject.url);
    await store.wallMs();
    await Promise.all([store.close(), store.close()]);
    await assert.rejects(store.wallMs(), (e) => hasCode(e, 'store_unavailable'));
    await store.close();
  });

  it('tells its wall clock', async () => {
    assert.ok(Math.abs((await subject.store.wallMs()) - Date.now()) < 60_000);
  });
}
