/** Cells, rings and workspaces from their creation to their deletion. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { collectionPath } from '../cells/contract/kube/client.ts';
import { eventually } from '../cells/contract/kube/eventually.test-support.ts';
import type { Cell } from '../crds/index.ts';
import { cellSpec, conditionOf, isTrue, OperatorBed, USER } from './bed.test-support.ts';
import { cellPods, writesSeen } from './cluster.test-support.ts';

const bed = new OperatorBed();
before(() => bed.start(process.env));
after(() => bed.close());

test('a Cell without a ring gets everything but channel servers, and says what it waits for', async () => {
  await bed.apply('Cell', 'cell-a', cellSpec('zone-a'));
  const gateway = await eventually(async () => (await bed.deployment('cell-a-gateway')) ?? false);
  assert.equal(gateway.metadata.ownerReferences?.[0]?.kind, 'Cell');
  assert.equal(gateway.spec.template.spec.automountServiceAccountToken, false);
  const env = new Map(gateway.spec.template.spec.containers[0]!.env.map((e) => [e.name, e.value]));
  assert.equal(env.get('XDS_ADDRESSES'), '127.1.0.1:18000,127.2.0.1:18000');
  await eventually(async () =>
    assert.equal(conditionOf(await bed.cell('cell-a'), 'Progressing')?.reason, 'WaitingForRing'),
  );
  assert.equal(await bed.deployment('cell-a-channel'), undefined);
});

test('a ring brings channel servers; Pods make the Cell Ready; weights begin at the normal one', async () => {
  await bed.apply('Cell', 'cell-b', cellSpec('zone-b'));
  await bed.apply('ChannelRing', 'main', { cells: ['cell-a', 'cell-b'] });
  const channel = await eventually(async () => (await bed.deployment('cell-b-channel')) ?? false);
  const env = new Map(channel.spec.template.spec.containers[0]!.env.map((e) => [e.name, e.value]));
  assert.equal(env.get('RING'), `${bed.namespace}/main`);
  assert.equal(env.get('HEARTBEAT_MS'), '500');
  await eventually(async () => assert.equal(conditionOf(await bed.cell('cell-b'), 'Ready')?.reason, 'WaitingForPods'));
  await cellPods(bed.api, 'cell-a', 'zone-a');
  await cellPods(bed.api, 'cell-b', 'zone-b');
  for (const name of ['cell-a', 'cell-b']) {
    await eventually(async () => {
      const { status, ...rest } = await bed.cell(name);
      assert.ok(isTrue({ status, ...rest } as Cell, 'Ready'));
      assert.deepEqual([status?.weight, status?.drain?.phase, status?.ring], [100, 'None', 'main']);
    });
  }
});

test('the ring mirrors the control plane: epoch, members, conditions', async () => {
  assert.equal(conditionOf(await bed.ring('main'), 'Converged')?.reason, 'WaitingForMembers');
  bed.table(7, { 'cell-a': 8192, 'cell-b': 8192 });
  await eventually(async () => {
    const r = await bed.ring('main');
    assert.ok(isTrue(r, 'Converged'));
    assert.deepEqual([r.status?.epoch, r.status?.memberCount, r.status?.maxOverAverage], [7, 2, '1.000']);
  });
  await eventually(async () => assert.equal((await bed.cell('cell-a')).status?.slots, 8192));
});

test('a Workspace gets its id and key once, also when its status is lost', async () => {
  await bed.apply('Workspace', 'acme', { displayName: 'Acme', ring: 'main' });
  await bed.apply('Workspace', 'lost', { displayName: 'Lost', ring: 'nowhere' });
  await eventually(async () => assert.ok(isTrue(await bed.workspace('acme'), 'Ready')));
  const first = (await bed.workspace('acme')).status!;
  assert.match(first.workspaceId ?? '', /^T[0-9A-Z]+$/);
  await eventually(async () => assert.equal(conditionOf(await bed.workspace('lost'), 'Ready')?.reason, 'RingNotFound'));
  await bed.client.jsonPatch(bed.ref('Workspace', 'acme'), [{ op: 'remove', path: '/status' }], {
    ...USER,
    subresource: 'status',
  });
  await eventually(async () => {
    const { workspaceId, tokenKeys } = (await bed.workspace('acme')).status ?? {};
    assert.deepEqual([workspaceId, tokenKeys], [first.workspaceId, first.tokenKeys]);
  });
});

test('a token Secret without its label is taken back; that of somebody else is said, and not asked for by writes', async () => {
  const secret = (workspace: string) => bed.ref('Secret', `${workspace}-token-key`, 'v1');
  const label = 'app.kubernetes.io/managed-by';
  const labelOf = async () => (await bed.client.get(secret('acme')))?.metadata.labels?.[label];
  const { status: before } = await bed.workspace('acme');
  await bed.client.mergePatch(secret('acme'), { metadata: { labels: { [label]: null } } }, USER);
  await eventually(async () => assert.equal(await labelOf(), 'chatcells-operator'));
  assert.deepEqual((await bed.workspace('acme')).status, before);

  const metadata = { name: 'taken-token-key', namespace: bed.namespace };
  await bed.client.create({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { mine: 'yes' } }, USER);
  const start = await writesSeen(bed.api, ['secrets']);
  await bed.apply('Workspace', 'taken', { displayName: 'Taken', ring: 'main' });
  await eventually(async () =>
    assert.equal(conditionOf(await bed.workspace('taken'), 'Ready')?.reason, 'TokenSecretForeign'),
  );
  assert.equal(await writesSeen(bed.api, ['secrets']), start);
  await bed.client.delete(secret('taken'));
  await eventually(async () => assert.ok(isTrue(await bed.workspace('taken'), 'Ready')), 30_000);
  await bed.client.delete(bed.ref('Workspace', 'taken'));
});

test('a Workspace made again waits until the Secret of the former one has gone, and gets another id', async () => {
  const secret = bed.ref('Secret', 'again-token-key', 'v1');
  await bed.apply('Workspace', 'again', { displayName: 'Again', ring: 'main' });
  await eventually(async () => assert.ok(isTrue(await bed.workspace('again'), 'Ready')));
  const { workspaceId } = (await bed.workspace('again')).status!;
  await bed.client.delete(bed.ref('Workspace', 'again'));
  await bed.apply('Workspace', 'again', { displayName: 'Again', ring: 'main' });
  await eventually(async () =>
    assert.equal(conditionOf(await bed.workspace('again'), 'Ready')?.reason, 'FormerTokenSecret'),
  );
  await bed.client.delete(secret); // as the garbage collector does, which does not run here
  await eventually(async () => assert.ok(isTrue(await bed.workspace('again'), 'Ready')));
  assert.notEqual((await bed.workspace('again')).status?.workspaceId, workspaceId);
  await bed.client.delete(bed.ref('Workspace', 'again'));
  await bed.client.delete(secret);
});

test('nothing is written at steady state', async () => {
  // Settled when two askings of the control plane pass without a write.
  const asked = async (times: number): Promise<void> => {
    const from = bed.controlplane.ringRequests;
    await eventually(() => bed.controlplane.ringRequests >= from + times, 30_000);
  };
  await eventually(async () => {
    const start = await writesSeen(bed.api);
    await asked(2);
    assert.equal(await writesSeen(bed.api), start);
  }, 60_000);
  const start = await writesSeen(bed.api);
  assert.ok(start > 0);
  await asked(3);
  assert.equal(await writesSeen(bed.api), start);
});

test('resources that the API server writes in another way are applied once', async () => {
  const resources = { requests: { cpu: '0.5' }, limits: { cpu: 2, memory: '1024Mi' } };
  const components = ['gateway', 'channel', 'api', 'edge'];
  await bed.patchSpec('cell-a', {
    gateways: { resources },
    channelServers: { resources },
    api: { resources },
    edge: { resources },
  });
  for (const component of components)
    await eventually(async () => {
      const [container] = (await bed.deployment(`cell-a-${component}`))?.spec.template.spec.containers ?? [];
      const stored = { requests: { cpu: '500m' }, limits: { cpu: '2', memory: '1Gi' } };
      assert.deepEqual(container?.resources, stored);
    });
  // Its objects come before its status: of the newest generation when all was applied that is to be.
  const reconciled = async (): Promise<void> => {
    const cell = await bed.cell('cell-a');
    assert.equal(conditionOf(cell, 'Ready')?.observedGeneration, cell.metadata.generation);
  };
  await eventually(reconciled);
  const start = await writesSeen(bed.api, ['deployments']);
  await bed.patchSpec('cell-a', { capacity: { connections: 6000 } });
  await eventually(reconciled);
  assert.equal(await writesSeen(bed.api, ['deployments']), start);
});

test('drift is mended, and a paused Cell is left alone', async () => {
  const gateway = bed.ref('Deployment', 'cell-a-gateway', 'apps/v1');
  await bed.client.mergePatch(gateway, { spec: { replicas: 7 } }, USER);
  await eventually(async () => assert.equal((await bed.deployment('cell-a-gateway'))?.spec.replicas, 1));
  const pause = (value: string | null) =>
    bed.client.mergePatch(
      bed.ref('Cell', 'cell-a'),
      { metadata: { annotations: { 'chatcells.dev/reconcile': value } } },
      USER,
    );
  await pause('disabled');
  await bed.patchSpec('cell-a', { gateways: { replicas: 3 } });
  await bed.patchSpec('cell-b', { gateways: { replicas: 2 } });
  await eventually(async () => assert.equal((await bed.deployment('cell-b-gateway'))?.spec.replicas, 2));
  assert.equal((await bed.deployment('cell-a-gateway'))?.spec.replicas, 1);
  await pause(null);
  await eventually(async () => assert.equal((await bed.deployment('cell-a-gateway'))?.spec.replicas, 3));
  for (const name of ['cell-a', 'cell-b']) await bed.patchSpec(name, { gateways: { replicas: 1 } });
});

test('a refused configuration is said on the Cell in the words of the process, once, until it is accepted', async () => {
  const refusals = [{ node: 'cell-a-edge-0', role: 'edge', type: 'Listener', error: 'cannot bind' }];
  bed.controlplane.set('cell-a', { refusals });
  bed.controlplane.set('cell-b', { refusals: [] });
  const refused = async (name: string) => conditionOf(await bed.cell(name), 'ConfigurationRefused');
  await eventually(async () => assert.equal((await refused('cell-a'))?.status, 'True'));
  assert.match((await refused('cell-a'))?.message ?? '', /^cell-a-edge-0 refused Listener: cannot bind\./);
  await eventually(async () => assert.equal((await refused('cell-b'))?.reason, 'Accepted'));
  bed.controlplane.set('cell-a', { refusals: [] });
  await eventually(async () => assert.equal((await refused('cell-a'))?.status, 'False'));
  await bed.told(await bed.cell('cell-a'), ['ConfigurationRefused', 'ConfigurationAccepted']);
});

test('a Cell in use is not torn down; once drained and out of the ring nothing of it is left', async () => {
  bed.controlplane.set('cell-b', { sockets: 5, slots: 8192 });
  await bed.patchSpec('cell-b', { drain: { stepPercent: 50, stepInterval: '100ms' } });
  await bed.client.delete(bed.ref('Cell', 'cell-b'));
  await eventually(async () => {
    const condition = conditionOf(await bed.cell('cell-b'), 'Progressing');
    assert.equal(condition?.reason, 'DeletionWaits');
    assert.match(condition?.message ?? '', /ChannelRing main lists it.*open sockets.*owns slots/);
  });
  await eventually(async () => assert.equal((await bed.cell('cell-b')).status?.weight, 0));
  assert.ok(await bed.deployment('cell-b-channel'));
  await bed.apply('ChannelRing', 'main', { cells: ['cell-a'] });
  bed.table(8, { 'cell-a': 16_384 });
  bed.controlplane.set('cell-b', { sockets: 0, slots: 0 });
  await eventually(async () => assert.equal(await bed.client.get(bed.ref('Cell', 'cell-b')), undefined), 60_000);
  const left: string[] = [];
  for (const [version, kind] of [
    ['apps/v1', 'Deployment'],
    ['v1', 'Service'],
    ['v1', 'ConfigMap'],
    ['v1', 'ServiceAccount'],
    ['policy/v1', 'PodDisruptionBudget'],
  ] as const) {
    const objects = await bed.client.list(collectionPath(version, kind, bed.namespace));
    left.push(...objects.filter((o) => o.metadata.name.startsWith('cell-b-')).map((o) => `${kind} ${o.metadata.name}`));
  }
  assert.deepEqual(left, []);
});

test('a ring stays until its Workspaces are gone and its table has ended; the last Cell goes when nobody uses it', async () => {
  await bed.client.delete(bed.ref('Workspace', 'lost'));
  await bed.client.delete(bed.ref('ChannelRing', 'main'));
  await eventually(async () => assert.equal(conditionOf(await bed.ring('main'), 'Degraded')?.reason, 'DeletionWaits'));
  await bed.client.delete(bed.ref('Workspace', 'acme'));
  const waits = async (reason: string, message: RegExp): Promise<void> => {
    const degraded = conditionOf(await bed.ring('main'), 'Degraded');
    assert.equal(degraded?.reason, reason);
    assert.match(degraded?.message ?? '', message);
  };
  await eventually(() => waits('DeletionWaits', /until the control plane/));
  const key = `${bed.namespace}/main`;
  bed.controlplane.rings.delete(key);
  await eventually(() => waits('WaitingForControlPlane', /none answers/));
  bed.controlplane.rings.set(key, { epoch: 9, members: [], held: 'ended' });
  await eventually(async () => assert.equal(await bed.client.get(bed.ref('ChannelRing', 'main')), undefined));
  bed.controlplane.set('cell-a', { sockets: 0, slots: 0 });
  await bed.client.delete(bed.ref('Cell', 'cell-a'));
  await eventually(async () => assert.equal(await bed.client.get(bed.ref('Cell', 'cell-a')), undefined), 60_000);
});
