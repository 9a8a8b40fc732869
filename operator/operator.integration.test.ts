/** The whole operator against a real API server. Pods and the control plane are stand-ins: see cluster.test-support. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startTestApiServer, type TestApiServer } from '../cells/contract/kube/api-server.test-support.ts';
import type { KnownKind, Manifest } from '../cells/contract/kube/client.ts';
import { collectionPath } from '../cells/contract/kube/client.ts';
import { eventsAbout } from '../cells/contract/kube/events.ts';
import { eventually } from '../cells/contract/kube/eventually.test-support.ts';
import type { KubeObject } from '../cells/contract/kube/objects.ts';
import type { RunningRole } from '../cells/contract/process/role.ts';
import { background, badWorkspace, lossyZone, World } from '../cells/health/traffic.test-support.ts';
import type { Cell, ChannelRing, PracticeDrain, Workspace } from '../crds/index.ts';
import { cellPods, operatorKubeconfig, StandInControlplane, standInPod, writesSeen } from './cluster.test-support.ts';
import { runOperator } from './main.ts';
import { API } from './world.ts';

let api: TestApiServer;
let operator: RunningRole;
let dir: string;
const controlplane = new StandInControlplane();
const user = { fieldManager: 'user' };

before(async () => {
  api = await startTestApiServer(process.env.CHATCELLS_TEST_KUBECONFIG);
  dir = await mkdtemp(join(tmpdir(), 'chatcells-operator-'));
  await operatorKubeconfig(api, join(dir, 'kubeconfig'));
  const port = await controlplane.start();
  await standInPod(api, { name: 'controlplane-0', component: 'controlplane', ready: true, port });
  operator = await startOperator();
});
after(async () => {
  await operator?.close();
  await controlplane.close();
  await api?.close();
  await rm(dir, { recursive: true, force: true });
});

const startOperator = (): Promise<RunningRole> =>
  runOperator({
    KUBECONFIG: join(dir, 'kubeconfig'),
    NAMESPACE: api.namespace,
    POD_IP: '127.0.0.1',
    ADMIN_PORT: '0',
    GRAY_FAILURE_CLEAR_AFTER: '1s',
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'silent',
    IMAGE: 'chatcells:test',
    ENVOY_IMAGE: 'envoy:test',
    STORE_SECRET: 'store',
    SESSION_SECRET: 'session',
    XDS_ADDRESSES: 'zone-a=127.1.0.1:18000,zone-b=127.2.0.1:18000',
  });

const manifest = (kind: KnownKind, name: string, spec: object): Manifest => ({
  apiVersion: API,
  kind,
  metadata: { name, namespace: api.namespace },
  spec,
});
const apply = (kind: KnownKind, name: string, spec: object) => api.client.apply(manifest(kind, name, spec), user);
const ref = (kind: KnownKind, name: string, apiVersion = API) => ({ apiVersion, kind, namespace: api.namespace, name });
const cell = async (name: string) => (await api.client.get<Cell>(ref('Cell', name)))!;
const ring = async (name: string) => (await api.client.get<ChannelRing>(ref('ChannelRing', name)))!;
const practice = async () => (await api.client.get<PracticeDrain>(ref('PracticeDrain', 'weekly')))!;
const workspace = async (name: string) => (await api.client.get<Workspace>(ref('Workspace', name)))!;
const patchSpec = (name: string, spec: object) => api.client.mergePatch(ref('Cell', name), { spec }, user);

interface Deployment extends KubeObject {
  spec: {
    replicas: number;
    template: {
      spec: { automountServiceAccountToken: boolean; containers: { env: { name: string; value?: string }[] }[] };
    };
  };
}
const deployment = (name: string) => api.client.get<Deployment>(ref('Deployment', name, 'apps/v1'));
const conditionOf = (object: Cell | ChannelRing | PracticeDrain | Workspace, type: string) =>
  object.status?.conditions?.find((c) => c.type === type);
const isTrue = (object: Cell | ChannelRing | PracticeDrain | Workspace, type: string) =>
  conditionOf(object, type)?.status === 'True';

const cellSpec = (zone: string) => ({
  region: 'local',
  zone,
  edge: { hostNetwork: true },
  capacity: { connections: 5000 },
});

test('a Cell without a ring gets everything but channel servers, and says what it waits for', async () => {
  await apply('Cell', 'cell-a', cellSpec('zone-a'));
  const gateway = await eventually(async () => (await deployment('cell-a-gateway')) ?? false);
  assert.equal(gateway.metadata.ownerReferences?.[0]?.kind, 'Cell');
  assert.equal(gateway.spec.template.spec.automountServiceAccountToken, false);
  const env = new Map(gateway.spec.template.spec.containers[0]!.env.map((e) => [e.name, e.value]));
  assert.equal(env.get('XDS_ADDRESSES'), '127.1.0.1:18000,127.2.0.1:18000');
  await eventually(async () =>
    assert.equal(conditionOf(await cell('cell-a'), 'Progressing')?.reason, 'WaitingForRing'),
  );
  assert.equal(await deployment('cell-a-channel'), undefined);
});

test('a ring brings channel servers; Pods make the Cell Ready; weights begin at the normal one', async () => {
  await apply('Cell', 'cell-b', cellSpec('zone-b'));
  await apply('ChannelRing', 'main', { cells: ['cell-a', 'cell-b'] });
  const channel = await eventually(async () => (await deployment('cell-b-channel')) ?? false);
  const env = new Map(channel.spec.template.spec.containers[0]!.env.map((e) => [e.name, e.value]));
  assert.equal(env.get('RING'), `${api.namespace}/main`);
  assert.equal(env.get('HEARTBEAT_MS'), '500');
  await eventually(async () => assert.equal(conditionOf(await cell('cell-b'), 'Ready')?.reason, 'WaitingForPods'));
  await cellPods(api, 'cell-a', 'zone-a');
  await cellPods(api, 'cell-b', 'zone-b');
  for (const name of ['cell-a', 'cell-b']) {
    await eventually(async () => {
      const { status, ...rest } = await cell(name);
      assert.ok(isTrue({ status, ...rest } as Cell, 'Ready'));
      assert.deepEqual([status?.weight, status?.drain?.phase, status?.ring], [100, 'None', 'main']);
    });
  }
});

test('the ring mirrors the control plane: epoch, members, conditions', async () => {
  assert.equal(conditionOf(await ring('main'), 'Converged')?.reason, 'WaitingForMembers');
  const member = (name: string) => ({
    pod: `${name}-channel-0`,
    cell: name,
    zone: `zone-${name.at(-1)}`,
    slots: 8192,
    standbySlots: 8192,
  });
  controlplane.rings.set(`${api.namespace}/main`, {
    epoch: 7,
    members: [member('cell-a'), member('cell-b')],
    movesInFlight: 0,
    maxOverAverage: 1,
  });
  for (const name of ['cell-a', 'cell-b']) controlplane.set(name, { sockets: 100, slots: 8192 });
  await eventually(async () => {
    const r = await ring('main');
    assert.ok(isTrue(r, 'Converged'));
    assert.deepEqual([r.status?.epoch, r.status?.memberCount, r.status?.maxOverAverage], [7, 2, '1.000']);
  });
  await eventually(async () => assert.equal((await cell('cell-a')).status?.slots, 8192));
});

test('a Workspace gets its id and key once, also when its status is lost', async () => {
  await apply('Workspace', 'acme', { displayName: 'Acme', ring: 'main' });
  await apply('Workspace', 'lost', { displayName: 'Lost', ring: 'nowhere' });
  await eventually(async () => assert.ok(isTrue(await workspace('acme'), 'Ready')));
  const first = (await workspace('acme')).status!;
  assert.match(first.workspaceId ?? '', /^T[0-9A-Z]+$/);
  await eventually(async () => assert.equal(conditionOf(await workspace('lost'), 'Ready')?.reason, 'RingNotFound'));
  await api.client.jsonPatch(ref('Workspace', 'acme'), [{ op: 'remove', path: '/status' }], {
    ...user,
    subresource: 'status',
  });
  await eventually(async () => {
    const { workspaceId, tokenKeys } = (await workspace('acme')).status ?? {};
    assert.deepEqual([workspaceId, tokenKeys], [first.workspaceId, first.tokenKeys]);
  });
});

test('nothing is written at steady state', async () => {
  // Settled when two askings of the control plane pass without a write.
  const asked = async (times: number): Promise<void> => {
    const from = controlplane.ringRequests;
    await eventually(() => controlplane.ringRequests >= from + times, 30_000);
  };
  await eventually(async () => {
    const start = await writesSeen(api);
    await asked(2);
    assert.equal(await writesSeen(api), start);
  }, 60_000);
  const start = await writesSeen(api);
  assert.ok(start > 0);
  await asked(3);
  assert.equal(await writesSeen(api), start);
});

test('drift is mended, and a paused Cell is left alone', async () => {
  const gateway = ref('Deployment', 'cell-a-gateway', 'apps/v1');
  await api.client.mergePatch(gateway, { spec: { replicas: 7 } }, user);
  await eventually(async () => assert.equal((await deployment('cell-a-gateway'))?.spec.replicas, 1));
  const pause = (value: string | null) =>
    api.client.mergePatch(
      ref('Cell', 'cell-a'),
      { metadata: { annotations: { 'chatcells.dev/reconcile': value } } },
      user,
    );
  await pause('disabled');
  await patchSpec('cell-a', { gateways: { replicas: 3 } });
  await patchSpec('cell-b', { gateways: { replicas: 2 } });
  await eventually(async () => assert.equal((await deployment('cell-b-gateway'))?.spec.replicas, 2));
  assert.equal((await deployment('cell-a-gateway'))?.spec.replicas, 1);
  await pause(null);
  await eventually(async () => assert.equal((await deployment('cell-a-gateway'))?.spec.replicas, 3));
  for (const name of ['cell-a', 'cell-b']) await patchSpec(name, { gateways: { replicas: 1 } });
});

test('a zone that fails in the gray way drains its Cell; who undrains is obeyed; when it is well, that is said', async () => {
  const world = new World({ seed: 1, faults: [background(0.001), lossyZone('zone-b', 0.4)] });
  for (let bucket = 0; bucket < 13; bucket++) controlplane.health = world.next();
  const drain = { stepPercent: 50, stepInterval: '100ms' };
  await eventually(async () => assert.equal(conditionOf(await cell('cell-b'), 'GrayFailure')?.reason, 'Manual'));
  assert.equal((await cell('cell-b')).spec.drain?.targetWeight, undefined);
  await patchSpec('cell-b', { drain: { ...drain, mode: 'Auto' } });
  await eventually(async () =>
    assert.match((await cell('cell-b')).status?.drain?.blocker ?? '', /the slots leave first/),
  );
  assert.equal((await cell('cell-b')).status?.weight, 100);
  controlplane.set('cell-b', { slots: 0 });
  await eventually(async () => assert.equal((await cell('cell-b')).status?.weight, 0));
  const drained = await cell('cell-b');
  assert.equal(drained.spec.drain?.initiator, 'GrayFailure');
  assert.match(drained.spec.drain?.reason ?? '', /^Gray failure: About \d+ % of requests between zone-b/);
  await patchSpec('cell-b', { drain: { targetWeight: null, initiator: null, reason: null } });
  await eventually(async () => assert.equal(conditionOf(await cell('cell-b'), 'GrayFailure')?.reason, 'Overruled'));
  await eventually(async () => assert.equal((await cell('cell-b')).status?.weight, 100));
  const well = new World({ seed: 2, faults: [background(0.001)] });
  for (let bucket = 0; bucket < 13; bucket++) controlplane.health = well.next();
  await eventually(async () => assert.equal(conditionOf(await cell('cell-b'), 'GrayFailure')?.reason, 'Healthy'));
  const reasons = (await eventsAbout(api.client, drained)).map((e) => e.reason);
  for (const reason of ['GrayFailureManual', 'GrayFailureDraining', 'ZoneHealthy'])
    assert.ok(reasons.includes(reason), reasons.join());
  assert.equal(isTrue(await cell('cell-a'), 'GrayFailure'), false);
  await patchSpec('cell-b', { drain: { mode: 'Manual' } });
  controlplane.set('cell-b', { slots: 8192 });
});

test('a gateway that fails alone is taken out, evicted and replaced by its Deployment; its Cell keeps its traffic', async () => {
  const gateways = ['cell-b-gateway-0', 'cell-b-gateway-1'];
  const place = { component: 'gateway', cell: 'cell-b', zone: 'zone-b', ready: true };
  for (const name of gateways) await standInPod(api, { name, ...place });
  const world = new World({ seed: 3, faults: [background(0.001)] });
  for (let bucket = 0; bucket < 13; bucket++) controlplane.health = world.next();
  const target = (pod: string, lost: number) => {
    return { pod, cell: 'cell-b', zone: 'zone-b', role: 'gateway' as const, buckets: [], disconnectsPerMinute: lost };
  };
  controlplane.health!.targets.push(target(gateways[0]!, 12_000), target(gateways[1]!, 3));
  const drained = await eventually(async () => {
    const now = await cell('cell-b');
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
  const budget = ref('PodDisruptionBudget', 'cell-b-gateway', 'policy/v1');
  const { generation } = (await api.client.get<KubeObject>(budget))!.metadata;
  const counts = { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 };
  const allowed = { status: { ...counts, observedGeneration: generation } };
  await api.client.mergePatch(budget, allowed, { ...user, subresource: 'status' });
  // As if it had begun a minute ago: it is evicted at the next look.
  const since = new Date(Date.now() - 60_000).toISOString();
  // In the operator's own name: of what somebody else set as well, it could not take back its part alone.
  const { apiVersion, kind } = drained;
  const metadata = { name: 'cell-b', namespace: api.namespace };
  await api.client.apply(
    { apiVersion, kind, metadata, status: { drainingGateways: [{ ...going, since }] } },
    { fieldManager: 'chatcells-gray-failure', subresource: 'status' },
  );
  // It is on no node, so that no kubelet has to end it first.
  await eventually(async () => (await api.client.get(ref('Pod', gateways[0]!, 'v1'))) === undefined, 30_000);
  await eventually(async () => {
    const now = await cell('cell-b');
    assert.deepEqual(
      [now.status?.drainingGateways, conditionOf(now, 'GatewayFailure')?.reason],
      [undefined, 'Healthy'],
    );
  }, 60_000);
  const reasons = (await eventsAbout(api.client, drained)).map((e) => e.reason);
  for (const reason of ['GatewayFailureDraining', 'GatewayEvicted', 'GatewaysHealthy'])
    assert.ok(reasons.includes(reason), reasons.join());
  await standInPod(api, { name: gateways[0]!, ...place });
});

test('a workspace that fails alone is named on its object, and well again when it is', async () => {
  const id = (await workspace('acme')).status!.workspaceId!;
  const world = new World({ seed: 4, faults: [background(0.001), badWorkspace('T0', 0.6)] });
  for (let bucket = 0; bucket < 13; bucket++) controlplane.health = world.next();
  const named = JSON.parse(JSON.stringify(controlplane.health).replaceAll('"T0"', JSON.stringify(id)));
  controlplane.health = named;
  await eventually(async () => assert.equal(conditionOf(await workspace('acme'), 'RequestsFail')?.reason, 'Alone'));
  const well = new World({ seed: 5, faults: [background(0.001)] });
  for (let bucket = 0; bucket < 13; bucket++) controlplane.health = well.next();
  await eventually(
    async () => assert.equal(conditionOf(await workspace('acme'), 'RequestsFail')?.reason, 'Well'),
    30_000,
  );
  const reasons = (await eventsAbout(api.client, await workspace('acme'))).map((e) => e.reason);
  for (const reason of ['RequestsFail', 'RequestsSucceed']) assert.ok(reasons.includes(reason), reasons.join());
});

test('a refused configuration is said on the Cell in the words of the process, once, until it is accepted', async () => {
  const refusals = [{ node: 'cell-a-edge-0', role: 'edge', type: 'Listener', error: 'cannot bind' }];
  controlplane.set('cell-a', { refusals });
  controlplane.set('cell-b', { refusals: [] });
  const refused = async (name: string) => conditionOf(await cell(name), 'ConfigurationRefused');
  await eventually(async () => assert.equal((await refused('cell-a'))?.status, 'True'));
  assert.match((await refused('cell-a'))?.message ?? '', /^cell-a-edge-0 refused Listener: cannot bind\./);
  await eventually(async () => assert.equal((await refused('cell-b'))?.reason, 'Accepted'));
  controlplane.set('cell-a', { refusals: [] });
  await eventually(async () => assert.equal((await refused('cell-a'))?.status, 'False'));
  await eventually(async () => {
    const reasons = (await eventsAbout(api.client, await cell('cell-a'))).map((e) => e.reason);
    return ['ConfigurationRefused', 'ConfigurationAccepted'].every((reason) => reasons.includes(reason));
  });
});

test('a drain is paused at its weight and overdue, says both, and goes on when it is resumed', async () => {
  controlplane.set('cell-b', { sockets: 100, slots: 8192 });
  const pace = { stepPercent: 10, stepInterval: '100ms', deadline: '1s' };
  await patchSpec('cell-b', { drain: { targetWeight: 0, ...pace } });
  await eventually(async () => assert.ok(((await cell('cell-b')).status?.weight ?? 100) < 90));
  await patchSpec('cell-b', { drain: { paused: true, pauseReason: 'watching' } });
  await eventually(async () => assert.equal((await cell('cell-b')).status?.drain?.phase, 'Paused'));
  const paused = await cell('cell-b');
  assert.match(paused.status?.drain?.blocker ?? '', /on the way to 0 %: watching/);
  await eventually(async () => assert.ok(isTrue(await cell('cell-b'), 'DrainOverdue')));
  assert.equal((await cell('cell-b')).status?.weight, paused.status?.weight);
  await patchSpec('cell-b', { drain: { paused: null, pauseReason: null } });
  await eventually(async () => assert.equal((await cell('cell-b')).status?.weight, 0), 60_000);
  await patchSpec('cell-b', { drain: { targetWeight: null, deadline: null } });
  await eventually(async () => assert.equal((await cell('cell-b')).status?.drain?.phase, 'None'), 60_000);
  assert.equal(isTrue(await cell('cell-b'), 'DrainOverdue'), false);
  const reasons = (await eventsAbout(api.client, paused)).map((e) => e.reason);
  for (const reason of ['Paused', 'DeadlineExceeded', 'Resumed']) assert.ok(reasons.includes(reason), reasons.join());
});

test('a practice drain runs when it is asked to, gives up when requests fail, and takes its drain back when it is deleted', async () => {
  await patchSpec('cell-b', { drain: { stepPercent: 30, stepInterval: '500ms' } });
  await apply('PracticeDrain', 'weekly', {
    ...{ cells: ['cell-b'], hypothesis: 'no request fails', schedule: '0 3 * * 2' },
    drain: { stepPercent: 50, stepInterval: '100ms', hold: '1s' },
  });
  await eventually(async () => assert.match((await practice())?.status?.nextRunAt ?? '', /T03:00:00/));
  const run = () =>
    api.client.mergePatch(ref('PracticeDrain', 'weekly'), { spec: { runAt: new Date().toISOString() } }, user);
  const outcomeOf = async (n: number) => {
    const { history = [], run: under } = (await practice()).status ?? {};
    assert.deepEqual([history.length, under], [n, undefined]);
    return history[0];
  };
  const isBack = () =>
    eventually(async () => {
      const { spec, status } = await cell('cell-b');
      const { targetWeight, initiator, stepPercent } = spec.drain ?? {};
      assert.deepEqual([targetWeight, initiator, stepPercent, status?.weight], [undefined, undefined, 30, 100]);
    }, 60_000);
  controlplane.set('cell-b', { sockets: 0, slots: 0 });
  await run();
  await eventually(async () => assert.equal((await cell('cell-b')).spec.drain?.initiator, 'PracticeDrain'));
  const first = await eventually(() => outcomeOf(1), 60_000);
  assert.deepEqual([first?.outcome, first?.cell, first?.lowestWeight], ['Succeeded', 'cell-b', 0]);
  assert.ok(isTrue(await practice(), 'LastRunSucceeded'));
  await isBack();

  controlplane.set('cell-b', { sockets: 10, slots: 10 }); // so that it is not drained at once
  await run();
  await eventually(async () => assert.equal((await practice()).status?.phase, 'Draining'));
  controlplane.set('cell-a', { errorRate: 0.5 });
  const second = await eventually(() => outcomeOf(2), 60_000);
  assert.deepEqual([second?.outcome, second?.reason], ['Aborted', 'ErrorBudget']);
  await isBack();
  controlplane.set('cell-a', { errorRate: 0 });
  await controlplane.askedForCells(); // by an answer of before the next run would be skipped

  await run();
  await eventually(async () => assert.equal((await cell('cell-b')).spec.drain?.initiator, 'PracticeDrain'), 60_000);
  const before = await practice();
  await api.client.delete(ref('PracticeDrain', 'weekly'));
  await eventually(async () => assert.equal(await practice(), undefined), 60_000);
  await isBack();
  controlplane.set('cell-b', { sockets: 100, slots: 8192 });
  const reasons = (await eventsAbout(api.client, before)).map((e) => e.reason);
  for (const reason of ['PracticeStarted', 'PracticeReached', 'PracticeSucceeded', 'PracticeAborted'])
    assert.ok(reasons.includes(reason), reasons.join());
});

test('a drain is carried on by the next operator, blocks without room, and ends when the cell is empty', async () => {
  controlplane.set('cell-a', { sockets: 4990 });
  await controlplane.askedForCells(); // an answer of before is taken for a moment longer
  await patchSpec('cell-b', { drain: { targetWeight: 0, stepPercent: 10, stepInterval: '100ms', reason: 'test' } });
  await eventually(async () => assert.equal(conditionOf(await cell('cell-b'), 'CapacityBlocked')?.reason, 'NoRoom'));
  assert.equal((await cell('cell-b')).status?.weight, 100);
  controlplane.set('cell-a', { sockets: 100 });
  await eventually(async () => assert.ok(((await cell('cell-b')).status?.weight ?? 100) < 90));
  await operator.close();
  const stopped = (await cell('cell-b')).status;
  operator = await startOperator();
  await eventually(async () => assert.equal((await cell('cell-b')).status?.weight, 0), 60_000);
  const going = await cell('cell-b');
  assert.equal(going.status?.drain?.startedAt, stopped?.drain?.startedAt);
  assert.equal(going.status?.drain?.fromWeight, 100);
  assert.equal(isTrue(going, 'Drained'), false);
  controlplane.set('cell-b', { sockets: 0, slots: 0 });
  await eventually(async () => assert.ok(isTrue(await cell('cell-b'), 'Drained')));
  const reasons = (await eventsAbout(api.client, going)).map((e) => e.reason);
  for (const reason of ['DrainStarted', 'NoRoom', 'Drained']) assert.ok(reasons.includes(reason), reasons.join());
});

test('an undrain takes the drain back', async () => {
  await patchSpec('cell-b', { drain: { targetWeight: null, stepPercent: 50, stepInterval: '100ms' } });
  await eventually(async () => {
    const { status } = await cell('cell-b');
    assert.deepEqual([status?.weight, status?.drain?.phase], [100, 'None']);
  });
});

test('a Cell in use is not torn down; once drained and out of the ring nothing of it is left', async () => {
  controlplane.set('cell-b', { sockets: 5, slots: 8192 });
  await api.client.delete(ref('Cell', 'cell-b'));
  await eventually(async () => {
    const condition = conditionOf(await cell('cell-b'), 'Progressing');
    assert.equal(condition?.reason, 'DeletionWaits');
    assert.match(condition?.message ?? '', /ChannelRing main lists it.*open sockets.*owns slots/);
  });
  await eventually(async () => assert.equal((await cell('cell-b')).status?.weight, 0));
  assert.ok(await deployment('cell-b-channel'));
  await apply('ChannelRing', 'main', { cells: ['cell-a'] });
  const only = { pod: 'cell-a-channel-0', cell: 'cell-a', zone: 'zone-a', slots: 16_384, standbySlots: 0 };
  controlplane.rings.set(`${api.namespace}/main`, { epoch: 8, members: [only], movesInFlight: 0, maxOverAverage: 1 });
  controlplane.set('cell-b', { sockets: 0, slots: 0 });
  await eventually(async () => assert.equal(await api.client.get(ref('Cell', 'cell-b')), undefined), 60_000);
  const left: string[] = [];
  for (const [version, kind] of [
    ['apps/v1', 'Deployment'],
    ['v1', 'Service'],
    ['v1', 'ConfigMap'],
    ['v1', 'ServiceAccount'],
    ['policy/v1', 'PodDisruptionBudget'],
  ] as const) {
    const objects = await api.client.list(collectionPath(version, kind, api.namespace));
    left.push(...objects.filter((o) => o.metadata.name.startsWith('cell-b-')).map((o) => `${kind} ${o.metadata.name}`));
  }
  assert.deepEqual(left, []);
});

test('a ring that Workspaces name stays until they are gone; the last Cell goes when nobody uses it', async () => {
  await api.client.delete(ref('Workspace', 'lost'));
  await api.client.delete(ref('ChannelRing', 'main'));
  await eventually(async () => assert.equal(conditionOf(await ring('main'), 'Degraded')?.reason, 'DeletionWaits'));
  await api.client.delete(ref('Workspace', 'acme'));
  await eventually(async () => assert.equal(await api.client.get(ref('ChannelRing', 'main')), undefined));
  controlplane.set('cell-a', { sockets: 0, slots: 0 });
  await api.client.delete(ref('Cell', 'cell-a'));
  await eventually(async () => assert.equal(await api.client.get(ref('Cell', 'cell-a')), undefined), 60_000);
});
