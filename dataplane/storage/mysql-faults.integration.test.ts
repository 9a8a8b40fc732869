/** What only a server over a network can do to us: silence, lost replies, stopped owners, deadlocks, full pools. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { ChatError, hasCode } from '../../cells/contract/errors.ts';
import type { Heartbeat } from '../../cells/contract/ring-store.ts';
import { slotOf } from '../../cells/contract/slot.ts';
import { type Database, type DatabaseHooks, statement } from '../../cells/contract/sql/database.ts';
import { openDatabase } from '../../cells/contract/sql/open-database.ts';
import { openStore } from './open.ts';
import type { Store } from './store.ts';
import { Closing } from './testing/closing.ts';
import { mysqlDatabases, type TestDatabases } from './testing/databases.ts';
import { channel, entry, fenceOf, user } from './testing/entries.ts';
import { type FlakyProxy, flakyProxy } from './testing/flaky-proxy.ts';

describe('store: mysql faults', () => {
  let databases: TestDatabases;
  let url: string;
  let store: Store;
  before(async () => {
    databases = await mysqlDatabases();
    url = await databases.fresh();
    store = await openStore(url);
    await store.migrate();
  });
  const resources = new Closing();
  const open = async (at: string, hooks?: DatabaseHooks): Promise<Store> => resources.add(await openStore(at, hooks));
  const proxyTo = async (at: string, query?: string): Promise<FlakyProxy> => resources.add(await flakyProxy(at, query));
  after(async () => {
    await Promise.all([store.close(), resources.close()]);
    await databases.close();
  });
  const unavailable = (e: unknown): boolean => hasCode(e, 'store_unavailable');

  it('a stopped owner’s open transaction does not hold the claim up, and never commits', async (t) => {
    const number = 700_001;
    const topic = channel(number);
    await store.log.claim('old', [fenceOf(topic)]);
    const script = join(import.meta.dirname, 'testing/stopped-owner.ts');
    const owner = spawn(process.execPath, [script, url, 'old', String(number)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => owner.kill('SIGKILL')); // SIGTERM does not reach a stopped process
    const printed = text(owner.stdout);
    await until(() => stateOf(owner.pid!) === 'T');
    const held = await store.log.claim('new', [fenceOf(topic, 2)]);
    assert.deepEqual([...held], [slotOf(topic)]);
    assert.equal((await store.log.heads([topic])).get(topic)?.seq, 0);
    owner.kill('SIGCONT');
    await once(owner, 'exit');
    assert.deepEqual(JSON.parse(await printed), ['store_unavailable', 'fenced']);
    assert.equal((await store.log.heads([topic])).get(topic)?.seq, 0);
  });

  it('a lost reply to COMMIT is unknown, and the rows can be read back', async () => {
    const topic = channel(700_002);
    const proxy = await proxyTo(url, 'timeout=500');
    const far = await open(proxy.url, {
      beforeCommit: async () => {
        proxy.silent = true;
      },
    });
    await store.log.claim('me', [fenceOf(topic)]);
    const key = { topic, user: user(1), clientKey: 'k' };
    await assert.rejects(far.log.append('me', [fenceOf(topic)], [entry(topic, 1, { clientKey: 'k' })]), unavailable);
    proxy.silent = false;
    await until(async () => (await far.log.heads([topic])).get(topic)?.seq === 1);
    assert.equal((await far.log.findByClientKey([key]))[0]?.seq, 1);
    await assert.rejects(store.log.append('me', [fenceOf(topic)], [entry(topic, 2, { clientKey: 'k' })]), (e) =>
      hasCode(e, 'store_conflict'),
    );
    await far.close();
    await proxy.close();
  });

  it('a silent store hangs nobody, and is used again when it answers', async () => {
    const proxy = await proxyTo(url, 'timeout=300&pool=2');
    const far = await open(proxy.url);
    await far.wallMs();
    proxy.silent = true;
    const calls = [
      far.wallMs(),
      far.log.heads([channel(1)]),
      far.log.projectedSeqs([channel(1)]),
      far.log.setProjectedSeq(channel(1), 1),
      far.ring.heartbeats(),
    ];
    for (const call of await Promise.allSettled(calls))
      assert.ok(call.status === 'rejected' && unavailable(call.reason));
    proxy.silent = false;
    await until(async () => (await far.wallMs().catch(() => 0)) > 0);
    assert.equal((await far.log.heads([channel(1)])).size, 1);
    proxy.cut();
    await until(async () => (await far.wallMs().catch(() => 0)) > 0);
    proxy.silent = true;
    await far.close();
    await proxy.close();
    await assert.rejects(far.wallMs(), unavailable);
  });

  it('what says how long it may take is given up then, and made anew on another connection', async () => {
    const proxy = await proxyTo(url, 'timeout=60000');
    const far = await open(proxy.url);
    const row: Heartbeat = {
      ...{ incarnation: 'u/1', role: 'channel', pod: 'p', cell: 'c', zone: 'z', ring: 'ns/hang', address: '' },
      ...{ weight: 1, counter: 1, state: 'serving', load: { sockets: 0, slots: 0, topics: 0, perSecond: 0 } },
    };
    await far.ring.beat(row, 10_000);
    proxy.silent = true;
    const calls = [far.ring.beat(row, 50), far.ring.heartbeats('ns/hang', 50), far.wallMs(50)];
    for (const call of calls) await assert.rejects(call, unavailable);
    proxy.silent = false;
    await until(async () =>
      far.ring.beat({ ...row, counter: 2 }, 1_000).then(
        () => true,
        () => false,
      ),
    );
    assert.deepEqual(
      (await far.ring.heartbeats('ns/hang', 10_000)).map((r) => r.counter),
      [2],
    );
    await far.close();
    await proxy.close();
  });

  it('opens while the server is down', async () => {
    const proxy = await proxyTo(url);
    await proxy.close();
    const down = await open(proxy.url);
    await assert.rejects(down.migrate(), unavailable);
    await assert.rejects(down.wallMs(), unavailable);
    await down.close();
  });

  it('a full pool delays no heartbeat', async () => {
    const topic = channel(700_003);
    const atCommit = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const busy = await open(`${url}?pool=1`, {
      beforeCommit: () => {
        atCommit.resolve();
        return go.promise;
      },
    });
    await store.log.claim('me', [fenceOf(topic)]);
    const append = busy.log.append('me', [fenceOf(topic)], [entry(topic, 1)]);
    await atCommit.promise;
    await busy.ring.heartbeats();
    assert.ok((await busy.wallMs()) > 0);
    go.resolve();
    await append;
    await busy.close();
  });

  it('who waits for a connection of a full pool gives up in time', async () => {
    const db = resources.add(await openDatabase(`${url}?pool=1&timeout=200`));
    await db.exclusive(async () => {
      await assert.rejects(db.query(statement('SELECT 1')), unavailable);
    });
    assert.equal((await db.query(statement('SELECT 1 AS one'))).length, 1);
    await db.close();
  });

  it('repeats a transaction that a deadlock ended', async () => {
    const [a, b] = [await transactor(url), await transactor(url)];
    for (const { db } of [a, b]) resources.add(db);
    await a.db.write([
      statement('CREATE TABLE pair (id INT NOT NULL, n INT NOT NULL, PRIMARY KEY (id))'),
      statement('INSERT INTO pair VALUES (1, 0), (2, 0)'),
    ]);
    const add = (id: number) => statement('UPDATE pair SET n = n + 1 WHERE id = ?', id);
    a.meet(b);
    await Promise.all([a.db.transaction([add(1)], () => [add(2)]), b.db.transaction([add(2)], () => [add(1)])]);
    assert.equal(a.commits + b.commits, 3, 'one was repeated');
    const rows = await a.db.query(statement('SELECT n FROM pair ORDER BY id'));
    assert.deepEqual(
      rows.map((r) => Number(r.n)),
      [2, 2],
    );
    await Promise.all([a.db.close(), b.db.close()]);
  });

  it('tells neither statement nor values of a refused row, and refuses it for good', async () => {
    const topic = channel(700_004);
    await store.log.claim('me', [fenceOf(topic)]);
    const bad = entry(topic, 1, { clientKey: 'k'.repeat(300), payload: '"private text"' });
    await assert.rejects(store.log.append('me', [fenceOf(topic)], [bad]), (e) => {
      assert.ok(hasCode(e, 'internal_error'));
      assert.ok(!/INSERT|private/.test(e.message + JSON.stringify(e.details)));
      const cause = e.cause as Error & { statement: string };
      assert.match(cause.statement, /INSERT INTO channel_log/);
      assert.ok(!JSON.stringify({ ...cause, message: cause.message }).includes('private'));
      return true;
    });
    await store.log.append('me', [fenceOf(topic)], [entry(topic, 1)]);
  });

  it('a password in the URL is in no error', async () => {
    await assert.rejects(openStore('mysql://me:secret@127.0.0.1:1/'), (e) => {
      assert.ok(e instanceof ChatError && e.code === 'config_invalid');
      assert.ok(!e.message.includes('secret'));
      return true;
    });
  });
});

/** A database whose first transaction waits, before COMMIT, for another's. */
async function transactor(url: string) {
  const arrived = Promise.withResolvers<void>();
  let other = Promise.resolve();
  let armed = false;
  const self = {
    commits: 0,
    arrived: arrived.promise,
    meet(that: { arrived: Promise<void>; await(p: Promise<void>): void }): void {
      self.await(that.arrived);
      that.await(self.arrived);
    },
    await(promise: Promise<void>): void {
      other = promise;
      armed = true;
    },
    db: undefined as unknown as Database,
  };
  self.db = await openDatabase(url, {
    hooks: {
      beforeCommit: async () => {
        if (!armed) return;
        self.commits++;
        arrived.resolve();
        await other;
      },
    },
  });
  return self;
}

/** The state letter of a process: T is stopped. */
const stateOf = (pid: number): string | undefined => /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within 15 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
