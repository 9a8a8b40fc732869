import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { systemClock, systemRandom } from '../system-clock.ts';
import { startTestApiServer, type TestApiServer } from './api-server.test-support.ts';
import { collectionPath, type Manifest, refusedStatus } from './client.ts';
import { EventRecorder, eventsAbout } from './events.ts';
import { eventually } from './eventually.test-support.ts';
import type { KubeObject } from './objects.ts';
import { Reflector } from './reflector.ts';

let server: TestApiServer;
before(async () => {
  server = await startTestApiServer(process.env.CHATCELLS_TEST_KUBECONFIG);
});
after(() => server.close());

interface ConfigMap extends KubeObject {
  data: Record<string, string>;
}
const manager = { fieldManager: 'test' };
const configMap = (name: string, data: Record<string, string>): Manifest => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: server.namespace, labels: { test: 'reflector' } },
  data,
});
const ref = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', namespace: server.namespace, name }) as const;

test('the reflector follows a collection of the real API server', async () => {
  await server.client.apply(configMap('a', { v: '1' }), manager);
  const reflector = new Reflector<ConfigMap>({
    kubeConfig: server.kubeConfig,
    path: collectionPath('v1', 'ConfigMap', server.namespace),
    labelSelector: 'test=reflector',
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
  });
  const values = (): string[] => [...reflector.store.values()].map((o) => `${o.metadata.name}=${o.data.v}`).sort();
  try {
    await reflector.synced;
    assert.deepEqual(values(), ['a=1']);
    const [listed] = reflector.store.values();
    assert.deepEqual([listed?.apiVersion, listed?.kind], ['v1', 'ConfigMap'], 'an item of a list has no type');
    await server.client.apply(configMap('a', { v: '2' }), manager);
    await server.client.apply(configMap('b', { v: '1' }), manager);
    await eventually(() => assert.deepEqual(values(), ['a=2', 'b=1']));
    await server.client.mergePatch(ref('b'), { metadata: { labels: { test: null } } }, manager);
    assert.equal(await server.client.delete(ref('a')), true);
    await eventually(() => assert.deepEqual(values(), []));
    assert.equal(reflector.stats.failures, 0);
  } finally {
    await reflector.close();
  }
});

test('a watch that is cut again and again loses nothing, as the audit at the exact version says', async () => {
  const reflector = new Reflector<ConfigMap>({
    kubeConfig: server.kubeConfig,
    path: collectionPath('v1', 'ConfigMap', server.namespace),
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    auditMs: 0,
    inactivityMs: 300, // no byte for that long: the watch is cut, again and again
    backoffMs: { base: 1, max: 10 },
  });
  try {
    await reflector.synced;
    await eventually(() => reflector.stats.watches > 3);
    await server.client.apply(configMap('c', { v: '1' }), manager);
    await eventually(() => reflector.store.has(`${server.namespace}/c`));
    const { audits } = reflector.stats;
    await eventually(() => reflector.stats.audits > audits + 1);
    assert.equal(reflector.stats.missedEvents, 0);
  } finally {
    await reflector.close();
  }
});

test('server-side apply owns its fields alone; unknown fields are refused; missing objects are undefined', async () => {
  const { client, namespace } = server;
  await client.apply(configMap('owned', { mine: '1' }), { fieldManager: 'one' });
  await client.apply(configMap('owned', { theirs: '1' }), { fieldManager: 'two' });
  await client.apply(configMap('owned', {}), { fieldManager: 'one' });
  assert.deepEqual((await client.get<ConfigMap>(ref('owned')))?.data, { theirs: '1' });
  const unknown = { ...configMap('owned', {}), surprise: true };
  await assert.rejects(client.apply(unknown, manager), (e) => refusedStatus(e) === 400 || refusedStatus(e) === 500);
  assert.equal(await client.get(ref('nobody')), undefined);
  assert.equal(await client.delete(ref('nobody')), false);
  const dry = await client.create<ConfigMap>(configMap('dry', {}), { ...manager, dryRun: true });
  assert.equal(dry.metadata.namespace, namespace);
  assert.equal(await client.get(ref('dry')), undefined);
});

test('Events: one for the first time, a series for repetitions', async () => {
  const { client } = server;
  const object = await client.apply<ConfigMap>(configMap('told', {}), manager);
  const regarding = { ...object, apiVersion: 'v1', kind: 'ConfigMap' };
  const recorder = new EventRecorder({
    client,
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    controller: 'chatcells.dev/test',
    instance: 'test-0',
  });
  const text = { type: 'Warning', reason: 'Blocked', action: 'Drain', note: 'No room.' } as const;
  for (let i = 0; i < 5; i++) await recorder.record(regarding, text);
  await recorder.record(regarding, { ...text, note: 'Still none.' });
  const events = await eventsAbout(client, object);
  assert.deepEqual(events.map((e) => [e.note, e.series?.count]).sort(), [
    ['No room.', 4],
    ['Still none.', undefined],
  ]);
});
