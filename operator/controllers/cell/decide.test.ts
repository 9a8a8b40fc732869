import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment } from '../../../cells/contract/kube/objects.ts';
import type { Cell } from '../../../crds/index.ts';
import { testCell, testConfig, testPod, testRing } from '../../test-support.ts';
import { type CellDecision, decideCell } from './decide.ts';
import type { ObservedCell } from './gather.ts';

const config = testConfig();
const serving = { weight: 100, drain: { phase: 'None' as const } };
const deleting = { deletionTimestamp: '2026-01-01T00:00:00Z' };

function observed(cell: Cell, changes: Partial<ObservedCell> = {}): ObservedCell {
  const ring = testRing('main', ['cell-a']);
  return {
    cell,
    ring,
    listedBy: ['main'],
    slots: 8,
    pods: [],
    edgeUrls: [],
    otherCells: 2,
    deployments: new Map(),
    others: [],
    figures: undefined,
    ...changes,
  };
}
const ran = (d: CellDecision) => {
  assert.equal(d.kind, 'run');
  return d as CellDecision & { kind: 'run' };
};
const conditionOf = (d: CellDecision, type: string) => ran(d).status.conditions.find((c) => c.type === type);
const find = (d: CellDecision, kind: string, name: string) =>
  ran(d).objects.find((o) => o.kind === kind && o.metadata.name === name) as unknown as
    | { spec: PodTemplate }
    | undefined;

interface PodTemplate {
  paused?: boolean;
  replicas: number;
  strategy: { rollingUpdate: object };
  template: {
    spec: {
      hostNetwork?: boolean;
      nodeSelector: object;
      securityContext: Record<string, unknown>;
      containers: Record<string, unknown>[];
      terminationGracePeriodSeconds: number;
    };
  };
}

test('the finalizer comes before anything is made', () => {
  assert.equal(decideCell(observed(testCell('cell-a', { metadata: { finalizers: [] } })), config).kind, 'addFinalizer');
});

test('a paused Cell is left alone, also while it is deleted', () => {
  const metadata = { annotations: { 'chatcells.dev/reconcile': 'disabled' }, ...deleting };
  assert.equal(decideCell(observed(testCell('cell-a', { metadata })), config).kind, 'paused');
});

test('workloads: bound to the zone, restricted, without a token; the edge on its node replaces itself', () => {
  const d = decideCell(observed(testCell('cell-a')), config);
  for (const component of ['gateway', 'channel', 'api', 'edge']) {
    const { spec } = find(d, 'Deployment', `cell-a-${component}`)!;
    assert.deepEqual(spec.template.spec.nodeSelector, { 'topology.kubernetes.io/zone': 'zone-a' });
    assert.deepEqual(spec.template.spec.securityContext, {
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    assert.ok(find(d, 'PodDisruptionBudget', `cell-a-${component}`));
    const edge = component === 'edge';
    assert.equal(spec.template.spec.hostNetwork, edge ? true : undefined);
    assert.deepEqual(
      spec.strategy.rollingUpdate,
      edge ? { maxSurge: 0, maxUnavailable: 1 } : { maxSurge: 1, maxUnavailable: 0 },
    );
  }
  assert.equal(find(d, 'Deployment', 'cell-a-gateway')?.spec.template.spec.terminationGracePeriodSeconds, 60);
  assert.equal(find(d, 'Service', 'cell-a-edge'), undefined);
  const balanced = decideCell(
    observed(testCell('cell-a')),
    testConfig({ EDGE_SERVICE_TYPE: 'LoadBalancer', RUN_AS_USER: '65532' }),
  );
  assert.ok(find(balanced, 'Service', 'cell-a-edge'));
  assert.equal(find(balanced, 'Deployment', 'cell-a-api')?.spec.template.spec.securityContext.runAsUser, 65_532);
});

test('a moved edge restarts no gateway', () => {
  const template = (urls: ObservedCell['edgeUrls']) =>
    JSON.stringify(
      find(decideCell(observed(testCell('cell-a'), { edgeUrls: urls }), config), 'Deployment', 'cell-a-gateway'),
    );
  assert.equal(template([]), template([{ zone: 'zone-a', url: 'http://127.1.0.1:8080' }]));
});

test('Ready is observed: every component needs a Ready Pod, and the one that is not is named', () => {
  const cell = testCell('cell-a');
  const pods = ['gateway', 'channel', 'api', 'edge'].map((c) => testPod(cell, c));
  const good = decideCell(observed(cell, { pods }), config);
  assert.deepEqual(
    ['Ready', 'Progressing', 'Degraded'].map((t) => conditionOf(good, t)?.status),
    ['True', 'False', 'False'],
  );
  const broken = [...pods.slice(1), testPod(cell, 'gateway', { ready: false, waiting: 'CrashLoopBackOff' })];
  const bad = decideCell(observed(cell, { pods: broken }), config);
  assert.equal(conditionOf(bad, 'Ready')?.status, 'False');
  assert.match(conditionOf(bad, 'Ready')?.message ?? '', /gateway 0\/1 Ready: Pod cell-a-gateway-0: CrashLoopBackOff/);
  const going = pods.map((p) =>
    p.metadata.name === 'cell-a-api-0' ? { ...p, metadata: { ...p.metadata, ...deleting } } : p,
  );
  assert.equal(conditionOf(decideCell(observed(cell, { pods: going }), config), 'Ready')?.status, 'False');
});

test('one of two Pods missing degrades and does not take Ready away', () => {
  const cell = testCell('cell-a', { spec: { channelServers: { replicas: 2 } } });
  const pods = ['gateway', 'channel', 'api', 'edge'].map((c) => testPod(cell, c));
  const d = decideCell(observed(cell, { pods }), config);
  assert.deepEqual([conditionOf(d, 'Ready')?.status, conditionOf(d, 'Degraded')?.status], ['True', 'True']);
});

test('without a ring there are no channel servers, and it says so', () => {
  const d = decideCell(observed(testCell('cell-a'), { ring: undefined, listedBy: [] }), config);
  assert.equal(find(d, 'Deployment', 'cell-a-channel'), undefined);
  assert.equal(conditionOf(d, 'Progressing')?.reason, 'WaitingForRing');
});

test('while another Cell replaces its Pods, new ones are held back, and the Cell says for whom', () => {
  const status = { weight: 100 };
  const [a, b] = [testCell('cell-a', { status }), testCell('cell-b', { status })];
  const live = (cell: Cell): ObservedCell['deployments'] => {
    const before = decideCell(observed(cell), testConfig({ IMAGE: 'chatcells:before' }));
    const deployments = ran(before).objects.filter((o) => o.kind === 'Deployment');
    return new Map(deployments.map((o) => [o.metadata.name, o as unknown as Deployment]));
  };
  const others = [{ cell: a, ring: undefined, deployments: live(a), pods: [] }];
  const d = decideCell(observed(b, { deployments: live(b), others }), config);
  assert.equal(find(d, 'Deployment', 'cell-b-gateway')?.spec.paused, true);
  assert.equal(conditionOf(d, 'Progressing')?.reason, 'RolloutWaits');
  assert.match(conditionOf(d, 'Progressing')?.message ?? '', /until Cell cell-a has its own.*mend it, or drain it/);
  const paused = testCell('cell-a', { status: { weight: 60, drain: { phase: 'Paused' } } });
  const waits = decideCell(observed(b, { deployments: live(b), others: [{ ...others[0]!, cell: paused }] }), config);
  assert.match(
    conditionOf(waits, 'Progressing')?.message ?? '',
    /until Cell cell-a has its own\. .* paused: chatctl resume cell-a goes on\.$/,
  );
  assert.ok(ran(d).retryMs);
  const alone = decideCell(observed(b, { deployments: live(b) }), config);
  assert.equal(find(alone, 'Deployment', 'cell-b-gateway')?.spec.paused, undefined);
});

const none = { cell: 'cell-a', sockets: 0, slots: 0, members: 0 };
const blockers: [what: string, changes: Partial<ObservedCell>, status: Cell['status'], words: RegExp | undefined][] = [
  ['a ring lists it', { figures: none, slots: 0 }, { weight: 0 }, /ChannelRing main lists it/],
  ['it has sockets', { figures: { ...none, sockets: 1 }, listedBy: [], slots: 0 }, { weight: 0 }, /open sockets/],
  ['it has slots', { figures: { ...none, slots: 1 }, listedBy: [], slots: 0 }, { weight: 0 }, /owns slots/],
  ['the ring says it has slots', { figures: none, listedBy: [], slots: 3 }, { weight: 0 }, /owns slots/],
  ['it takes traffic', { figures: none, listedBy: [], slots: 0 }, serving, /still takes traffic/],
  ['nobody tells', { listedBy: [], slots: 0 }, serving, /no control plane/],
  ['it is empty', { figures: none, listedBy: [], slots: 0 }, { weight: 0 }, undefined],
  ['it is the last and empty', { figures: none, listedBy: [], slots: 0, otherCells: 0 }, serving, undefined],
  ['it never served', { listedBy: [], slots: undefined }, undefined, undefined],
];
for (const [what, changes, status, words] of blockers) {
  test(`deletion ${words ? 'waits' : 'goes on'} when ${what}`, () => {
    const cell = testCell('cell-a', { metadata: deleting, ...(status ? { status } : {}) });
    const d = decideCell(observed(cell, changes), config);
    if (!words) return assert.equal(d.kind, 'tearDown');
    assert.equal(conditionOf(d, 'Progressing')?.reason, 'DeletionWaits');
    assert.match(conditionOf(d, 'Progressing')?.message ?? '', words);
    const forced = testCell('cell-a', { metadata: deleting, spec: { drain: { force: true } } });
    assert.equal(decideCell(observed(forced, changes), config).kind, 'tearDown');
  });
}
