// Two replicas of the control plane over one API server and one store, a real Envoy at one of them, and the operator.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Cell, Condition } from '../../crds/index.ts';
import type { ControlSource } from '../contract/control.ts';
import { nextTable } from '../contract/ring-table.ts';
import { type Envoy, get, startEnvoy, until } from '../xds/envoy/envoy.test-support.ts';
import type { NodeConfig } from '../xds/node-config.ts';
import type { NodeStatus } from '../xds/server.ts';
import { type Beat, type Bed, CELLS, NAMESPACE, OURS, RING, startBed, WORKSPACE } from './bed.test-support.ts';
import { type Child, startControlplane, startRole } from './controlplane.test-support.ts';

const EDGE = { ip: '127.78.20.1', port: 18_081, taken: 18_082, id: 'edge/cell-a/cell-a-edge-1' };
const PLANES = { one: '127.78.29.1', two: '127.78.29.2' } as const;
const XDS = 18_000;
const ADMIN = 18_080;
const PATIENCE_MS = 120_000;
const BEATS = CELLS.map(
  (cell): Beat => ({
    ...{ role: 'channel', pod: `${cell}-channel-0`, cell, ring: RING, address: '127.78.28.1:7000' },
    load: { sockets: 0, slots: 8192, topics: 1, perSecond: cell === 'cell-a' ? 30 : 10 },
  }),
);
/** Of a ring that is not there at first. */
const SPARE = {
  ...{ role: 'channel', pod: 'spare-channel-0', cell: 'cell-a', ring: `${NAMESPACE}/spare` },
  address: '127.78.28.2:7000',
} as const satisfies Beat;

let bed: Bed;
let envoy: Envoy;
const children: Child[] = [];

const debug = async <T>(ip: string, path: string): Promise<T> =>
  (await (await fetch(`http://${ip}:${ADMIN}/debug/v1/${path}`)).json()) as T;
const nodes = (ip: string): Promise<NodeStatus[]> => debug<NodeStatus[]>(ip, 'nodes');
const CELL_A = { apiVersion: OURS, kind: 'Cell', namespace: NAMESPACE, name: 'cell-a' } as const;
const refused = async (): Promise<Condition | undefined> =>
  (await bed.objects.client.get<Cell>(CELL_A))!.status?.conditions?.find((c) => c.type === 'ConfigurationRefused');
const edgePort = (port: number) =>
  bed.objects.client.mergePatch(CELL_A, { spec: { edge: { port } } }, { fieldManager: 'test' });
const connect = (ip: string, name: string): ControlSource =>
  bed.connect({
    addresses: [`${ip}:${XDS}`],
    node: { id: `uid-${name}/1`, role: 'gateway', cell: 'cell-a', zone: 'zone-a' },
  });

/** Two slots change places, once there is a table: nothing is to be put back. */
async function changeHands(): Promise<void> {
  await until(
    async () => {
      const table = await bed.store.readTable(RING);
      if (!table?.members.length) return false;
      const next = nextTable(table);
      for (const slot of [table.owner.indexOf(0), table.owner.indexOf(1)]) {
        [next.owner[slot], next.standby[slot]] = [table.standby[slot]!, table.owner[slot]!];
        next.slotEpoch[slot] = next.epoch;
      }
      return bed.store.compareAndSetTable(next);
    },
    'a slot has changed hands',
    PATIENCE_MS,
  );
}

function startPlane(name: keyof typeof PLANES): void {
  const { dir, api } = bed;
  const env = {
    ...{ KUBECONFIG: api.kubeconfig, POD_NAMESPACE: NAMESPACE, POD_IP: PLANES[name] },
    ...{ POD_NAME: `${name}-controlplane-1`, STORE_URL: `sqlite:${dir}/store.db`, STATE_DIR: `${dir}/${name}` },
    ...{ XDS_PORT: `${XDS}`, ADMIN_PORT: `${ADMIN}` },
  };
  children.push(startControlplane(env, join(dir, `${name}.log`)));
}

before(async () => {
  const podIp = (cell: string): string => `127.78.2${CELLS.indexOf(cell) + 1}.1`;
  const spec = { edge: { port: EDGE.port } };
  bed = await startBed({ spec, podIp, beats: [...BEATS, SPARE], keep: process.env.KEEP !== undefined });
  await bed.objects.pod('cell-a', 'edge', EDGE.ip);
  for (const name of ['one', 'two'] as const) {
    await bed.objects.pod(name, 'controlplane', PLANES[name]);
    startPlane(name);
    await until(
      async () => (await get(PLANES[name], ADMIN, '/readyz')).status === 200,
      `${name} is ready`,
      PATIENCE_MS,
    );
    // The one has seen a change that the other finds done.
    if (name === 'one') await changeHands();
  }
  envoy = await startEnvoy({ id: EDGE.id, cell: 'cell-a', podIp: EDGE.ip }, XDS, PLANES.one);
  await until(async () => (await get(EDGE.ip, EDGE.port, '/healthz')).status === 200, 'the edge serves', PATIENCE_MS);
});
after(async () => {
  await envoy?.close();
  for (const child of children) await child.kill('SIGKILL');
  await bed?.close();
});

test('replicas answer alike: the same versions for the same content, to each node of each', async () => {
  for (const [name, ip] of Object.entries(PLANES)) {
    const control = connect(ip, name);
    await control.ready;
    assert.ok(await control.workspace(WORKSPACE));
  }
  await until(async () => {
    const [one, two] = await Promise.all(Object.values(PLANES).map(nodes));
    const said = (all: NodeStatus[] | undefined) => all?.filter((n) => n.role === 'gateway' && n.converged) ?? [];
    const versions = (all: NodeStatus[]) =>
      all.map(({ version, types }) => [version, ...types.map((t) => [t.type, t.state, t.sentVersion, t.ackedVersion])]);
    if (said(one).length !== 1 || said(two).length !== 1) return false;
    assert.equal(said(one)[0]!.types.length, 3);
    return JSON.stringify(versions(said(one))) === JSON.stringify(versions(said(two)));
  }, 'both have sent the same');
});

test('who is connected to one replica has acknowledged for all', async () => {
  await until(async () => (await nodes(PLANES.one)).some((n) => n.id === EDGE.id && n.converged), 'it is synced');
  assert.ok(!(await nodes(PLANES.two)).some((n) => n.role === 'edge'), 'the edge is not connected to the other one');
  for (const ip of Object.values(PLANES)) {
    // A replica that has read no heartbeats yet has no figures.
    await until(async () => Array.isArray(await debug(ip, 'cells')), 'it has read the store');
    const [figures] = await debug<{ unreachableEdges?: string[]; refusals?: object[] }[]>(ip, 'cells');
    assert.deepEqual([figures?.unreachableEdges, figures?.refusals], [[], []], ip);
  }
});

test('a node is shown as it was sent, by the replica that it is connected to', async () => {
  const config = await debug<NodeConfig>(PLANES.one, `nodes/${EDGE.id}/config`);
  const listener = config.types.find((t) => t.type === 'Listener')?.resources[0];
  assert.match(JSON.stringify(listener?.sent), new RegExp(`"address":"${EDGE.ip}","port_value":${EDGE.port}`));
  const elsewhere = await fetch(`http://${PLANES.two}:${ADMIN}/debug/v1/nodes/${EDGE.id}/config`);
  assert.equal(elsewhere.status, 400);
});

test('the ring’s figures and plan: load, what would move, and nothing is committed', async () => {
  type Figures = { epoch: number; loadMaxOverAverage: number; held?: string; members: { perSecond: number }[] };
  type Plan = { epoch: number; transfers: { from: string; to: string; slots: number; reason: string }[] };
  // Ready means that it can tell nodes what it knows; its own first round over the ring may come a little later.
  await until(async () => (await debug<Figures>(PLANES.two, `rings/${RING}`)).held === undefined, 'it plans');
  const figures = await debug<Figures>(PLANES.two, `rings/${RING}`);
  assert.equal(figures.loadMaxOverAverage, 1.5);
  const quiet = await debug<Plan>(PLANES.two, `rings/${RING}/plan`);
  assert.deepEqual(quiet.transfers, []);
  const without = await debug<Plan>(PLANES.two, `rings/${RING}/plan?without=cell-b`);
  const [move] = without.transfers;
  assert.deepEqual(
    [move?.from, move?.to, move?.slots, move?.reason],
    ['cell-b-channel-0', 'cell-a-channel-0', 8192, 'evacuate'],
  );
  const nobody = await fetch(`http://${PLANES.two}:${ADMIN}/debug/v1/rings/${RING}/plan?without=cell-x`);
  assert.equal(nobody.status, 400);
  assert.equal((await debug<Figures>(PLANES.two, `rings/${RING}`)).epoch, figures.epoch);
});

test('what Envoy refuses is told by all replicas and by the Cell, in Envoy’s words, until it accepts', async () => {
  const env = {
    ...{ KUBECONFIG: bed.api.kubeconfig, NAMESPACE, POD_NAME: 'operator-0', POD_IP: '127.78.29.3', ADMIN_PORT: '9090' },
    ...{ IMAGE: 'x', ENVOY_IMAGE: 'x', STORE_SECRET: 'x', SESSION_SECRET: 'x', XDS_ADDRESSES: `${PLANES.one}:${XDS}` },
  };
  children.push(startRole('operator', env, join(bed.dir, 'operator.log')));
  await until(async () => (await refused())?.reason === 'Accepted', 'all is accepted', PATIENCE_MS);
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(EDGE.taken, EDGE.ip, resolve));
  await edgePort(EDGE.taken);
  await until(async () => (await refused())?.status === 'True', 'the Cell says so', PATIENCE_MS);
  const { message } = (await refused())!;
  assert.match(message, /^cell-a-edge-1 refused Listener: .*cannot bind .*127\.78\.20\.1:18082/);
  const edge = (await nodes(PLANES.one)).find((n) => n.id === EDGE.id);
  const listener = edge?.types.find((t) => t.type === 'Listener');
  assert.equal(listener?.state, 'NACKED');
  assert.notEqual(listener?.sentVersion, listener?.ackedVersion);
  const dump = await debug<NodeConfig>(PLANES.one, `nodes/${EDGE.id}/config`);
  const shown = dump.types.find((t) => t.type === 'Listener')?.resources[0];
  assert.match(JSON.stringify(shown?.sent), /"port_value":18082/);
  assert.match(JSON.stringify(shown?.inForce), /"port_value":18081/);
  assert.equal((await get(EDGE.ip, EDGE.port, '/healthz')).status, 200, 'the last good one is in force');
  await new Promise((resolve) => squatter.close(resolve));
  await edgePort(EDGE.port);
  await until(async () => (await refused())?.status === 'False', 'it is taken back', PATIENCE_MS);
});

test('a deleted ring goes when its table has no members any more', async () => {
  const spare = { apiVersion: OURS, kind: 'ChannelRing', namespace: NAMESPACE, name: 'spare' } as const;
  await bed.objects.apply(OURS, 'ChannelRing', 'spare', { spec: { cells: ['cell-a'] } });
  const finalized = async () => (await bed.objects.client.get(spare))?.metadata.finalizers !== undefined;
  const members = async () => (await bed.store.readTable(SPARE.ring))?.members.length;
  await until(async () => (await finalized()) && (await members()) === 1, 'it is laid out', PATIENCE_MS);
  await bed.objects.client.delete(spare);
  await until(async () => !(await finalized()), 'it is gone', PATIENCE_MS);
  assert.equal(await members(), 0);
});

test('equally stale replicas, without an API server, go on serving the same', async () => {
  await bed.api.kill();
  for (const [name, ip] of Object.entries(PLANES)) await connect(ip, `late-${name}`).ready;
  await until(async () => {
    const late = (await Promise.all(Object.values(PLANES).map(nodes))).map((all) =>
      all.find((n) => n.id.startsWith('uid-late') && n.converged),
    );
    return late[0] !== undefined && late[0].version === late[1]?.version;
  }, 'both serve new nodes, and alike');
  for (const name of Object.keys(PLANES))
    assert.doesNotMatch(await readFile(join(bed.dir, `${name}.log`), 'utf8'), /behind the other replicas/);
});
