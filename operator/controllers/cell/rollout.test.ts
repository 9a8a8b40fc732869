import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Deployment } from '../../../cells/contract/kube/objects.ts';
import type { Cell, ChannelRing } from '../../../crds/index.ts';
import { testCell, testConfig, testPod, testRing } from '../../test-support.ts';
import { type CellWorkloads, held, rolloutWaitsFor } from './rollout.ts';
import { workloadsOf } from './workloads.ts';

const CELLS = ['cell-a', 'cell-b', 'cell-c', 'cell-d'];
const members = CELLS.map((cell) => ({ pod: `${cell}-channel-0`, cell, slots: 4096 }));
const ring = testRing('main', CELLS, { status: { movesInFlight: 0, members } });
const config = (image: string) => testConfig({ IMAGE: image });
const wantedOf = (image: string) => (of: CellWorkloads) => workloadsOf({ ...of, edgeUrls: [], config: config(image) });

interface Given {
  weight?: number;
  image?: string;
  /** Of the Pods of each Deployment, how many are of its newest template and available. */
  updated?: number;
  paused?: boolean;
  metadata?: Partial<Cell['metadata']>;
}

function given(
  name: string,
  { weight = 100, image = 'old', updated = 1, paused, metadata }: Given = {},
): CellWorkloads {
  const status = { weight } as Cell['status'];
  const cell = testCell(name, { status, ...(metadata ? { metadata } : {}) });
  const manifests = workloadsOf({ cell, ring, edgeUrls: [], config: config(image) });
  const deployments = manifests.flatMap((m): Deployment[] => {
    if (m.kind !== 'Deployment') return [];
    const { template } = m.spec as Deployment['spec'];
    return [
      {
        metadata: {
          name: m.metadata.name,
          namespace: 'chat',
          uid: m.metadata.name,
          resourceVersion: '1',
          generation: 2,
        },
        spec: { replicas: 1, template: structuredClone(template), ...(paused ? { paused } : {}) },
        status: { observedGeneration: 2, replicas: 1, updatedReplicas: updated, availableReplicas: updated },
      },
    ];
  });
  const pods = [testPod(cell, 'channel')];
  return { cell, ring, deployments: new Map(deployments.map((d) => [d.metadata.name, d])), pods };
}

const waitsFor = (own: CellWorkloads, others: CellWorkloads[], image = 'new'): string | undefined =>
  rolloutWaitsFor({ ...own, wanted: wantedOf(image)(own) }, others, wantedOf(image))?.metadata.name;

test('the first Cell begins; the next waits until its Deployments are complete', () => {
  const [a, b, c] = [given('cell-a'), given('cell-b'), given('cell-c')];
  assert.equal(waitsFor(a, [b, c]), undefined);
  assert.equal(waitsFor(b, [a, c]), 'cell-a');
  assert.equal(waitsFor(b, [given('cell-a', { image: 'new', updated: 0 }), c]), 'cell-a');
  assert.equal(waitsFor(b, [given('cell-a', { image: 'new' }), c]), undefined);
  assert.equal(waitsFor(c, [given('cell-a', { image: 'new' }), b]), 'cell-b');
});

test('a Cell has its new Pods only when they have their slots', () => {
  const a = given('cell-a', { image: 'new' });
  const withNew = { ...a, pods: [testPod(a.cell, 'channel', { ready: true, name: 'cell-a-channel-1' })] };
  const ringOf = (change: Partial<ChannelRing['status']>): ChannelRing => ({
    ...ring,
    status: { ...ring.status, ...change },
  });
  const joined = (slots: number) =>
    ringOf({ members: [...members, { pod: 'cell-a-channel-1', cell: 'cell-a', slots }] });
  assert.equal(waitsFor(given('cell-b'), [withNew]), 'cell-a', 'not a member yet');
  assert.equal(waitsFor(given('cell-b'), [{ ...withNew, ring: joined(0) }]), 'cell-a');
  assert.equal(waitsFor(given('cell-b'), [{ ...withNew, ring: joined(4096) }]), undefined);
  assert.equal(waitsFor(given('cell-b'), [{ ...a, ring: ringOf({ movesInFlight: 1 }) }]), 'cell-a');
  const paused = { ...ring, spec: { ...ring.spec, handoff: { paused: true } } };
  assert.equal(waitsFor(given('cell-b'), [{ ...withNew, ring: paused }]), undefined, 'nothing is moved');
  assert.equal(waitsFor(given('cell-b'), [{ ...withNew, ring: undefined }]), undefined, 'it has none');
});

test('what is being replaced goes on, and what is as wanted waits for nobody', () => {
  const broken = given('cell-a', { image: 'new', updated: 0 });
  assert.equal(waitsFor(given('cell-b', { image: 'new', updated: 0 }), [broken]), undefined);
  assert.equal(waitsFor(given('cell-b', { image: 'new' }), [broken]), undefined);
});

test('a Cell that was held and has its new template waits on until its turn', () => {
  const b = given('cell-b', { image: 'new', paused: true });
  assert.equal(waitsFor(b, [given('cell-a', { image: 'new', updated: 0 })]), 'cell-a');
  assert.equal(waitsFor(b, [given('cell-a', { image: 'new' })]), undefined);
});

test('a Cell whose resources the API server writes in another way is as wanted', () => {
  const a = given('cell-a', { image: 'new' });
  const cell = testCell('cell-a', {
    ...a.cell,
    spec: { gateways: { resources: { limits: { cpu: 2, memory: '1024Mi' } } } },
  });
  const gateway = a.deployments.get('cell-a-gateway') as unknown as {
    spec: { template: { spec: { containers: object[] } } };
  };
  Object.assign(gateway.spec.template.spec.containers[0]!, { resources: { limits: { cpu: '2', memory: '1Gi' } } });
  assert.equal(waitsFor(given('cell-b'), [{ ...a, cell }]), undefined);
});

test('a later Cell that is being replaced is let finish', () => {
  const c = given('cell-c', { image: 'new', updated: 0 });
  assert.equal(waitsFor(given('cell-a'), [given('cell-b'), c]), 'cell-c');
});

test('a Deployment whose controller has not seen its new template is not complete', () => {
  const a = given('cell-a', { image: 'new' });
  for (const d of a.deployments.values()) d.metadata.generation = 3;
  assert.equal(waitsFor(given('cell-b'), [a]), 'cell-a');
});

const NOT_WAITED_FOR: [what: string, Given][] = [
  ['drained', { weight: 0 }],
  ['being deleted', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }],
  ['not to be reconciled', { metadata: { annotations: { 'chatcells.dev/reconcile': 'disabled' } } }],
];
for (const [what, change] of NOT_WAITED_FOR) {
  test(`a Cell that is ${what} is not waited for, and waits for nobody`, () => {
    const away = given('cell-a', { ...change, updated: 0 });
    assert.equal(waitsFor(given('cell-b'), [away]), undefined);
    assert.equal(waitsFor(given('cell-d', change), [given('cell-b')]), undefined);
  });
}

test('a Cell that has no Pods yet makes them at once', () => {
  const fresh: CellWorkloads = { ...given('cell-b'), deployments: new Map() };
  assert.equal(waitsFor(fresh, [given('cell-a')]), undefined);
});

test('held back is the rollout alone', () => {
  const manifests = workloadsOf({ cell: testCell('cell-a'), ring, edgeUrls: [], config: config('new') });
  for (const manifest of manifests) {
    if (manifest.kind !== 'Deployment') assert.equal(held(manifest), manifest);
    else assert.deepEqual(held(manifest).spec, { ...(manifest.spec as object), paused: true });
  }
});

test('whatever the order of events, one Cell at a time is replaced, and all are in the end', () => {
  const names = CELLS;
  type State = 'old' | 'held' | 'rolling' | 'new';
  const as = (name: string, state: State): CellWorkloads =>
    given(name, {
      image: state === 'old' ? 'old' : 'new',
      paused: state === 'held',
      updated: state === 'rolling' || state === 'held' ? 0 : 1,
    });
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 7 }), { minLength: 200, maxLength: 200 }), (steps) => {
      const states = new Map<string, State>(names.map((n) => [n, 'old']));
      for (const step of steps) {
        const name = names[step % names.length] as string;
        const state = states.get(name) as State;
        if (step >= names.length) {
          if (state === 'rolling') states.set(name, 'new');
        } else if (state === 'old' || state === 'held') {
          const others = names.filter((n) => n !== name).map((n) => as(n, states.get(n) as State));
          states.set(name, waitsFor(as(name, state), others) === undefined ? 'rolling' : 'held');
        }
        assert.ok([...states.values()].filter((s) => s === 'rolling').length <= 1);
      }
      assert.ok([...states.values()].some((s) => s === 'new'));
    }),
    { numRuns: 30 },
  );
});
