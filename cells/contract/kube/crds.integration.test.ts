/** What the API server refuses and fills in, by our schemas and CEL rules. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Cell, ChannelRing, PracticeDrain, Workspace } from '../../../crds/index.ts';
import { ChatError } from '../errors.ts';
import { startTestApiServer, type TestApiServer } from './api-server.test-support.ts';
import type { KnownKind, Manifest } from './client.ts';
import { refusedStatus } from './client.ts';

let api: TestApiServer;
before(async () => {
  api = await startTestApiServer(process.env.CHATCELLS_TEST_KUBECONFIG);
});
after(() => api?.close());

const manager = { fieldManager: 'test' };
const manifest = (kind: KnownKind, name: string, spec: object): Manifest => ({
  apiVersion: 'chatcells.dev/v1alpha1',
  kind,
  metadata: { name, namespace: api.namespace },
  spec,
});
const create = <T extends Cell | ChannelRing | PracticeDrain | Workspace>(
  kind: KnownKind,
  name: string,
  spec: object,
): Promise<T> => api.client.create<T>(manifest(kind, name, spec), manager);
const patch = (kind: KnownKind, name: string, spec: object) =>
  api.client.mergePatch(
    { apiVersion: 'chatcells.dev/v1alpha1', kind, namespace: api.namespace, name },
    { spec },
    manager,
  );

/** Refused by the schema, with words that name the problem. */
async function refused(attempt: Promise<unknown>, words: RegExp): Promise<void> {
  await assert.rejects(attempt, (e) => {
    assert.ok(e instanceof ChatError);
    assert.ok([400, 422].includes(refusedStatus(e) ?? 0), String(e));
    assert.match(String(e.details.message), words);
    return true;
  });
}

test('defaults: a Cell needs its region and zone alone', async () => {
  const cell = await create<Cell>('Cell', 'plain', { region: 'r', zone: 'z' });
  assert.equal(cell.spec.gateways?.replicas, 1);
  assert.equal(cell.spec.traffic?.weight, 100);
  assert.equal(cell.spec.drain?.stepInterval, '2s');
  assert.equal(cell.spec.drain?.targetWeight, undefined);
  assert.equal(cell.spec.capacity?.connections, 50_000);
});

test('what a container may use is any quantity', async () => {
  const resources = { requests: { cpu: 1, memory: '1.5Gi' }, limits: { cpu: '500m', memory: '1e9' } };
  const cell = await create<Cell>('Cell', 'sized', { region: 'r', zone: 'z', gateways: { resources } });
  assert.deepEqual(cell.spec.gateways?.resources, resources);
});

test('a Cell never changes its zone or region', async () => {
  await create('Cell', 'fixed', { region: 'r', zone: 'z' });
  await refused(patch('Cell', 'fixed', { zone: 'other' }), /zone is immutable: create a new Cell/);
  await refused(patch('Cell', 'fixed', { region: 'other' }), /region is immutable/);
});

const badCells: [what: string, spec: object, words: RegExp][] = [
  ['no zone', { region: 'r' }, /zone: Required/],
  ['a weight above 100', { region: 'r', zone: 'z', traffic: { weight: 101 } }, /less than or equal to 100/],
  ['a weight below 0', { region: 'r', zone: 'z', traffic: { weight: -1 } }, /greater than or equal to 0/],
  ['a target out of range', { region: 'r', zone: 'z', drain: { targetWeight: 200 } }, /less than or equal to 100/],
  ['an interval without a unit', { region: 'r', zone: 'z', drain: { stepInterval: '2' } }, /should match/],
  ['an interval of nothing', { region: 'r', zone: 'z', drain: { stepInterval: '0ms' } }, /from 100ms to 60m/],
  [
    'a quantity that is none',
    { region: 'r', zone: 'z', gateways: { resources: { limits: { cpu: 'two' } } } },
    /should match/,
  ],
  ['a zone that no label can hold', { region: 'r', zone: 'zone a' }, /should match/],
  ['a region that no label can hold', { region: 'eu/west', zone: 'z' }, /should match/],
  ['an error rate above 1', { region: 'r', zone: 'z', drain: { maxErrorRate: '1.5' } }, /should match/],
  ['a deadline in milliseconds', { region: 'r', zone: 'z', drain: { deadline: '10ms' } }, /should match/],
  [
    'force without a reason',
    { region: 'r', zone: 'z', drain: { force: true } },
    /force needs a reason: set spec.drain.reason/,
  ],
  [
    'a reason of a pause that is none',
    { region: 'r', zone: 'z', drain: { pauseReason: 'x' } },
    /only while paused is true/,
  ],
  ['an unknown mode', { region: 'r', zone: 'z', drain: { mode: 'Magic' } }, /Unsupported value/],
  ['an unknown field', { region: 'r', zone: 'z', drainn: {} }, /unknown field "spec.drainn"/],
  ['an unknown field inside', { region: 'r', zone: 'z', edge: { ports: 1 } }, /unknown field "spec.edge.ports"/],
  ['a text for a number', { region: 'r', zone: 'z', edge: { port: '80' } }, /must be of type integer/],
];
for (const [what, spec, words] of badCells) {
  test(`a Cell with ${what} is refused`, () => refused(create('Cell', 'bad', spec), words));
}

test('a Cell with a long name is refused, since its workloads are named after it', () =>
  refused(create('Cell', 'c'.repeat(41), { region: 'r', zone: 'z' }), /at most 40 characters/));

test('a ring has 16,384 slots for ever, and each cell once', async () => {
  const ring = await create<ChannelRing>('ChannelRing', 'main', { cells: ['a', 'b'] });
  assert.equal(ring.spec.slots, 16_384);
  assert.deepEqual(ring.spec.failure, { heartbeat: '500ms', missed: 4 });
  await refused(patch('ChannelRing', 'main', { slots: 1024 }), /Unsupported value|immutable/);
  await refused(create('ChannelRing', 'twice', { cells: ['a', 'a'] }), /Duplicate value/);
  await refused(create('ChannelRing', 'empty', { cells: [] }), /at least 1 items/);
  for (const heartbeat of ['0ms', '61s'])
    await refused(create('ChannelRing', 'beat', { cells: ['a'], failure: { heartbeat } }), /from 100ms to 60s/);
  await refused(
    create('ChannelRing', 'missed', { cells: ['a'], failure: { missed: 1 } }),
    /greater than or equal to 2/,
  );
});

test('a Workspace names its ring, and a shard that is one', async () => {
  const workspace = await create<Workspace>('Workspace', 'acme', { displayName: 'Acme', ring: 'main' });
  assert.deepEqual(workspace.spec.placement, { keyspace: 'chat', shard: 'auto' });
  assert.equal(workspace.spec.suspended, false);
  await refused(create('Workspace', 'noring', { displayName: 'Acme' }), /ring: Required/);
  await refused(
    create('Workspace', 'shard', { displayName: 'A', ring: 'main', placement: { shard: 'left' } }),
    /should match/,
  );
  await refused(
    create('Workspace', 'limits', { displayName: 'A', ring: 'main', limits: { postsPerSecond: 0 } }),
    /greater than or equal to 1/,
  );
});

test('a PracticeDrain has a time to run at, and time enough to be held', async () => {
  const plain = { cells: ['cell-b'], hypothesis: 'nothing is lost' };
  const practice = await create<PracticeDrain>('PracticeDrain', 'weekly', { ...plain, schedule: '0 10 * * 2' });
  assert.deepEqual(practice.spec.drain, { targetWeight: 0, stepPercent: 1, stepInterval: '2s', hold: '5m' });
  assert.deepEqual(practice.spec.abort, { maxErrorRate: '0.01', maxDuration: '30m', capacityFloorPercent: 50 });
  assert.deepEqual([practice.spec.timeZone, practice.spec.startingDeadlineSeconds], ['UTC', 300]);
  await create('PracticeDrain', 'by-hand', { ...plain, suspend: true });
  const bad: [object, RegExp][] = [
    [plain, /give it a schedule or runAt, or suspend it/],
    [{ ...plain, schedule: '@daily' }, /should match/],
    [{ ...plain, schedule: '0 10 * * 2', cells: [] }, /at least 1 items/],
    [{ ...plain, schedule: '0 10 * * 2', drain: { targetWeight: 100 } }, /less than or equal to 99/],
    [{ ...plain, schedule: '0 10 * * 2', drain: { hold: '30m' } }, /has to be longer than drain.hold/],
    [{ cells: ['cell-b'], suspend: true }, /hypothesis: Required/],
  ];
  for (const [spec, words] of bad) await refused(create('PracticeDrain', 'bad', spec), words);
});

test('status is changed by its subresource alone', async () => {
  await create('Cell', 'stated', { region: 'r', zone: 'z' });
  const ref = { apiVersion: 'chatcells.dev/v1alpha1', kind: 'Cell', namespace: api.namespace, name: 'stated' } as const;
  await api.client.mergePatch(ref, { status: { weight: 5 } }, manager);
  assert.equal((await api.client.get<Cell>(ref))?.status, undefined);
  await api.client.mergePatch(ref, { status: { weight: 5 } }, { ...manager, subresource: 'status' });
  assert.equal((await api.client.get<Cell>(ref))?.status?.weight, 5);
  const blank = { type: 'Ready', status: 'True', reason: '', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
  await refused(
    api.client.mergePatch(ref, { status: { conditions: [blank] } }, { ...manager, subresource: 'status' }),
    /reason/,
  );
});
