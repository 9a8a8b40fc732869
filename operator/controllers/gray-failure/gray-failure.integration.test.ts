/** Zones, gateways and workspaces that fail in the gray way, by the figures of a stand-in control plane. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { refusedStatus } from '../../../cells/contract/kube/client.ts';
import type { EventRecorder } from '../../../cells/contract/kube/events.ts';
import { eventually } from '../../../cells/contract/kube/eventually.test-support.ts';
import type { KubeObject } from '../../../cells/contract/kube/objects.ts';
import { HEALTH_POLICY } from '../../../cells/health/policy.ts';
import { background, badWorkspace, lossyZone, World } from '../../../cells/health/traffic.test-support.ts';
import type { Cell } from '../../../crds/index.ts';
import { conditionOf, isTrue, OperatorBed, USER } from '../../bed.test-support.ts';
import { standInPod } from '../../cluster.test-support.ts';
import type { LiveFigures } from '../../live-figures.ts';
import { grayFailureController } from './controller.ts';

/** One more Cell like it, in the zone of its own name. */
const other = (cell: Cell, name: string): Cell => ({
  ...cell,
  metadata: { ...cell.metadata, name, uid: name },
  spec: { ...cell.spec, zone: name.replace('cell', 'zone') },
});

const bed = new OperatorBed();
before(async () => {
  await bed.start(process.env);
  await bed.install();
});
after(() => bed.close());

test('a zone that fails in the gray way drains its Cell; who undrains is obeyed; when it is well, that is said', async () => {
  const world = new World({ seed: 1, faults: [background(0.001), lossyZone('zone-b', 0.4)] });
  for (let bucket = 0; bucket < 13; bucket++) bed.controlplane.health = world.next();
  const drain = { stepPercent: 50, stepInterval: '100ms' };
  await eventually(async () => assert.equal(conditionOf(await bed.cell('cell-b'), 'GrayFailure')?.reason, 'Manual'));
  assert.equal((await bed.cell('cell-b')).spec.drain?.targetWeight, undefined);
  await bed.patchSpec('cell-b', { drain: { ...drain, mode: 'Auto' } });
  await eventually(async () =>
    assert.match((await bed.cell('cell-b')).status?.drain?.blocker ?? '', /the slots leave first/),
  );
  assert.equal((await bed.cell('cell-b')).status?.weight, 100);
  bed.controlplane.set('cell-b', { slots: 0 });
  await eventually(async () => assert.equal((await bed.cell('cell-b')).status?.weight, 0));
  const drained = await bed.cell('cell-b');
  assert.equal(drained.spec.drain?.initiator, 'GrayFailure');
  assert.match(drained.spec.drain?.reason ?? '', /^Gray failure: About \d+ % of requests between zone-b/);
  await bed.patchSpec('cell-b', { drain: { targetWeight: null, initiator: null, reason: null } });
  await eventually(async () => assert.equal(conditionOf(await bed.cell('cell-b'), 'GrayFailure')?.reason, 'Overruled'));
  await eventually(async () => assert.equal((await bed.cell('cell-b')).status?.weight, 100));
  const well = new World({ seed: 2, faults: [background(0.001)] });
  for (let bucket = 0; bucket < 13; bucket++) bed.controlplane.health = well.next();
  await eventually(async () => assert.equal(conditionOf(await bed.cell('cell-b'), 'GrayFailure')?.reason, 'Healthy'));
  await bed.told(drained, ['GrayFailureManual', 'GrayFailureDraining', 'ZoneHealthy']);
  assert.equal(isTrue(await bed.cell('cell-a'), 'GrayFailure'), false);
  await bed.patchSpec('cell-b', { drain: { mode: 'Manual' } });
  bed.controlplane.set('cell-b', { slots: 8192 });
});

test('what a leader found before it was stopped drains nobody, and is not said, once the Cell has changed', async () => {
  const before = await bed.cell('cell-b');
  await bed.patchSpec('cell-b', { drain: { stepPercent: 40 } });
  const world = new World({ seed: 1, faults: [background(0.001), lossyZone('zone-b', 0.4)] });
  for (let bucket = 0; bucket < 12; bucket++) world.next();
  const late = (mode: 'Auto' | 'Manual') =>
    grayFailureController({
      ...{ client: bed.client, nowMs: Date.now, monotonicMs: Date.now, pods: new Map(), workspaces: new Map() },
      cells: new Map([
        ['old', { ...before, spec: { ...before.spec, drain: { mode } } }],
        ...['cell-a', 'cell-c'].map((name) => [name, other(before, name)] as const),
      ]),
      events: { record: () => Promise.resolve() } as Partial<EventRecorder> as EventRecorder,
      figures: { health: async () => world.next() } as Partial<LiveFigures> as LiveFigures,
      ...{ policy: HEALTH_POLICY, drainGateways: true, clearAfterMs: 300_000, capacityFloor: 0 },
    });
  for (const mode of ['Auto', 'Manual'] as const)
    await assert.rejects(
      late(mode).reconcile('old', { log: pino({ level: 'silent' }), signal: new AbortController().signal }),
      (e) => refusedStatus(e) === 409,
      mode,
    );
  const now = await bed.cell('cell-b');
  assert.deepEqual([now.spec.drain?.targetWeight, isTrue(now, 'GrayFailure')], [undefined, false]);
});

test('a gateway that fails alone is taken out, evicted and replaced by its Deployment; its Cell keeps its traffic', async () => {
  const gateways = ['cell-b-gateway-0', 'cell-b-gateway-1'];
  const place = { component: 'gateway', cell: 'cell-b', zone: 'zone-b', ready: true };
  for (const name of gateways) await standInPod(bed.api, { name, ...place });
  const world = new World({ seed: 3, faults: [background(0.001)] });
  for (let bucket = 0; bucket < 13; bucket++) bed.controlplane.health = world.next();
  const target = (pod: string, lost: number) => {
    return { pod, cell: 'cell-b', zone: 'zone-b', role: 'gateway' as const, buckets: [], disconnectsPerMinute: lost };
  };
  bed.controlplane.health!.targets.push(target(gateways[0]!, 12_000), target(gateways[1]!, 3));
  const drained = await eventually(async () => {
    const now = await bed.cell('cell-b');
    return now.status?.drainingGateways?.length === 1 && now;
  });
  const [going] = drained.status!.drainingGateways!;
  assert.equal(going?.pod, gateways[0]);
  assert.match(going!.reason, /it lost about 12,000 sockets in a minute/);
  assert.deepEqual(
    [conditionOf(drained, 'GatewayFailure')?.reason, drained.status?.weight, isTrue(drained, 'GrayFailure')],
    ['Draining', 100, false],
  );
  // What the disruption controller would say: an API server alone has none, and lets no Pod be evicted.
  const budget = bed.ref('PodDisruptionBudget', 'cell-b-gateway', 'policy/v1');
  const { generation } = (await bed.client.get<KubeObject>(budget))!.metadata;
  const counts = { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 };
  const allowed = { status: { ...counts, observedGeneration: generation } };
  await bed.client.mergePatch(budget, allowed, { ...USER, subresource: 'status' });
  // As if it had begun a minute ago: it is evicted at the next look.
  const since = new Date(Date.now() - 60_000).toISOString();
  // In the operator's own name: of what somebody else set as well, it could not take back its part alone.
  const { apiVersion, kind } = drained;
  const metadata = { name: 'cell-b', namespace: bed.namespace };
  await bed.client.apply(
    { apiVersion, kind, metadata, status: { drainingGateways: [{ ...going, since }] } },
    { fieldManager: 'chatcells-gray-failure', subresource: 'status' },
  );
  // It is on no node, so that no kubelet has to end it first.
  await eventually(async () => (await bed.client.get(bed.ref('Pod', gateways[0]!, 'v1'))) === undefined, 30_000);
  await eventually(async () => {
    const now = await bed.cell('cell-b');
    assert.deepEqual(
      [now.status?.drainingGateways, conditionOf(now, 'GatewayFailure')?.reason],
      [undefined, 'Healthy'],
    );
  }, 60_000);
  await bed.told(drained, ['GatewayFailureDraining', 'GatewayEvicted', 'GatewaysHealthy']);
  await standInPod(bed.api, { name: gateways[0]!, ...place });
});

test('a workspace that fails alone is named on its object, and well again when it is', async () => {
  await bed.apply('Workspace', 'acme', { displayName: 'Acme', ring: 'main' });
  await eventually(async () => assert.ok(isTrue(await bed.workspace('acme'), 'Ready')));
  const id = (await bed.workspace('acme')).status!.workspaceId!;
  const world = new World({ seed: 4, faults: [background(0.001), badWorkspace('T0', 0.6)] });
  for (let bucket = 0; bucket < 13; bucket++) bed.controlplane.health = world.next();
  const named = JSON.parse(JSON.stringify(bed.controlplane.health).replaceAll('"T0"', JSON.stringify(id)));
  bed.controlplane.health = named;
  await eventually(async () => assert.equal(conditionOf(await bed.workspace('acme'), 'RequestsFail')?.reason, 'Alone'));
  const well = new World({ seed: 5, faults: [background(0.001)] });
  for (let bucket = 0; bucket < 13; bucket++) bed.controlplane.health = well.next();
  await eventually(
    async () => assert.equal(conditionOf(await bed.workspace('acme'), 'RequestsFail')?.reason, 'Well'),
    30_000,
  );
  await bed.told(await bed.workspace('acme'), ['RequestsFail', 'RequestsSucceed']);
});
