import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { pino } from 'pino';
import { systemClock, systemRandom } from '../system-clock.ts';
import { eventually } from './eventually.test-support.ts';
import { FaultyServer, type Thing } from './faulty-server.test-support.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';

let server: FaultyServer;
let reflector: Reflector<Thing>;
let changes: string[];

beforeEach(async () => {
  server = await FaultyServer.start();
  changes = [];
});
afterEach(async () => {
  await reflector.close();
  await server.close();
});

function start(options: Partial<ReflectorOptions<Thing>> = {}): Reflector<Thing> {
  reflector = new Reflector<Thing>({
    kubeConfig: server.kubeConfig,
    path: '/apis/test/v1/namespaces/ns/things',
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    backoffMs: { base: 1, max: 20 },
    onChange: (key, object) => changes.push(`${key}=${object?.value ?? 'deleted'}`),
    ...options,
  });
  return reflector;
}
const value = (name: string): string | undefined => reflector.store.get(`ns/${name}`)?.value;
const watching = (): Promise<unknown> => eventually(() => server.openWatches === 1);

test('lists, then follows additions, changes and deletions', async () => {
  server.put('a', '1');
  await start().synced;
  assert.equal(value('a'), '1');
  await watching();
  server.put('a', '2');
  server.put('b', '1');
  server.remove('a');
  await eventually(() => assert.deepEqual([...reflector.store.keys()], ['ns/b']));
  assert.deepEqual(changes, ['ns/a=1', 'ns/a=2', 'ns/b=1', 'ns/a=deleted']);
});

test('asks for bookmarks, a random timeout and the version of the list', async () => {
  server.put('a', '1');
  await start({ labelSelector: 'x=y' }).synced;
  await watching();
  const query = server.requests.at(-1)!.searchParams;
  assert.equal(query.get('allowWatchBookmarks'), 'true');
  assert.equal(query.get('resourceVersion'), '101');
  assert.equal(query.get('labelSelector'), 'x=y');
  const timeout = Number(query.get('timeoutSeconds'));
  assert.ok(timeout >= 300 && timeout <= 600, String(timeout));
});

test('410 makes it list again, and what vanished meanwhile is deleted', async () => {
  server.put('a', '1');
  server.put('b', '1');
  await start().synced;
  await watching();
  server.faults.watch.push('gone');
  server.remove('a', { announce: false });
  server.put('b', '2', { announce: false });
  server.endWatches();
  await eventually(() => assert.deepEqual([value('a'), value('b')], [undefined, '2']));
  assert.equal(reflector.stats.lists, 2);
  assert.equal(reflector.stats.missedEvents, 0);
});

test('connection resets, refusals and hang-ups: it comes back every time', async () => {
  server.faults.list.push('reset', 'refuse', 'gone');
  server.faults.watch.push('reset', 'refuse', 'hang-up');
  await start().synced;
  await watching();
  server.put('a', '1');
  await eventually(() => value('a') === '1');
  server.resetWatches();
  await eventually(() => server.openWatches === 1 && reflector.stats.failures === 7);
  server.put('a', '2');
  await eventually(() => value('a') === '2');
});

test('a half-open connection is given up after the time without a byte', async () => {
  server.put('a', '1');
  server.faults.watch.push('silent');
  await start({ requestTimeoutMs: 50, inactivityMs: 80 }).synced;
  await watching(); // the one after the silent one
  server.put('a', '2', { announce: false }); // the open watch stays mute as well, and a new one replays
  await eventually(() => value('a') === '2');
  assert.ok(reflector.stats.failures >= 2);
});

test('a watch lost between two changes goes on from its version without a list', async () => {
  await start().synced;
  await watching();
  server.put('a', '1');
  await eventually(() => value('a') === '1');
  server.put('a', '2', { announce: false });
  server.resetWatches();
  await eventually(() => value('a') === '2');
  assert.equal(reflector.stats.lists, 1);
});

test('repeated and stale events change nothing', async () => {
  await start().synced;
  await watching();
  const first = server.put('a', '1');
  const second = server.put('a', '2');
  await eventually(() => value('a') === '2');
  server.send({ type: 'MODIFIED', object: second });
  server.send({ type: 'MODIFIED', object: first });
  const last = server.remove('a');
  server.send({ type: 'ADDED', object: second });
  server.send({ type: 'DELETED', object: last });
  await eventually(() => reflector.stats.staleEvents === 4);
  assert.deepEqual(changes, ['ns/a=1', 'ns/a=2', 'ns/a=deleted']);
});

test('the audit comes also where every watch is cut before its end', async () => {
  server.put('a', '1');
  await start({ auditMs: 0 }).synced;
  await watching();
  server.put('a', '2', { announce: false });
  server.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '102' } } });
  server.resetWatches();
  await eventually(() => assert.equal(reflector.stats.missedEvents, 1));
});

test('listed anew while the watch is dead and nobody has noticed; while the server refuses, later', async () => {
  server.put('a', '1');
  server.faults.watch.push('silent', 'silent');
  await start().synced;
  await eventually(() => reflector.stats.watches === 1);
  server.put('a', '2', { announce: false });
  await reflector.relist();
  assert.deepEqual([value('a'), reflector.stats.lists], ['2', 2]);
  server.put('a', '3', { announce: false });
  server.faults.list.push('refuse', 'reset');
  await Promise.all([reflector.relist(), reflector.relist()]);
  assert.equal(value('a'), '3');
  assert.equal(reflector.stats.failures, 2);
});

test('the audit finds and counts lost events', async () => {
  server.put('a', '1');
  await start({ auditMs: 0 }).synced;
  await watching();
  server.put('a', '2', { announce: false });
  server.put('b', '1', { announce: false });
  // The bookmark claims that the watch brought everything up to here, so the next watch does not replay it.
  server.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '103' } } });
  server.endWatches();
  await eventually(() => assert.equal(reflector.stats.missedEvents, 2));
  assert.deepEqual([value('a'), value('b')], ['2', '1']);
});

test('a listener that throws stops nobody', async () => {
  await start().synced;
  reflector.onChange(() => {
    throw new Error('bug');
  });
  await watching();
  server.put('a', '1');
  server.put('b', '1');
  await eventually(() => assert.deepEqual(changes, ['ns/a=1', 'ns/b=1']));
});

test('close ends the watch and may be called twice', async () => {
  await start().synced;
  await watching();
  await reflector.close();
  await reflector.close();
  await eventually(() => server.openWatches === 0);
});

test('events of different objects may overtake each other', async () => {
  await start().synced;
  await watching();
  const a = server.put('a', '1', { announce: false });
  const b = server.put('b', '1', { announce: false });
  const gone = server.remove('a', { announce: false });
  for (const [type, object] of [
    ['DELETED', gone],
    ['ADDED', b],
    ['ADDED', a],
  ] as const) {
    server.send({ type, object });
  }
  await eventually(() => assert.deepEqual([value('a'), value('b')], [undefined, '1']));
  await eventually(() => reflector.stats.staleEvents === 1);
});
