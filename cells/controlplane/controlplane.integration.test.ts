import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import type { ConnectControlOptions } from '../contract/ads/index.ts';
import type { ControlSource } from '../contract/control.ts';
import { workspaceId } from '../contract/ids.ts';
import { nextTable } from '../contract/ring-table.ts';
import { CLIENT_PORT } from '../traffic/world.ts';
import { type EchoServer, type Envoy, get, startEcho, startEnvoy, until } from '../xds/envoy/envoy.test-support.ts';
import type { NodeConfig } from '../xds/node-config.ts';
import { type Beat, type Bed, CELLS, NAMESPACE, OURS, RING, startBed, WORKSPACE } from './bed.test-support.ts';
import { type Child, startControlplane } from './controlplane.test-support.ts';

const EDGE = { ip: '127.78.0.1', port: 18_081, id: 'edge/cell-a/cell-a-edge-1' };
const PLANE = { ip: '127.78.9.1', xds: 18_000, admin: 18_080 };
const BEATS: Beat[] = [
  ...CELLS.flatMap((cell) => [cell, cell]).map(
    (cell, i): Beat => ({
      ...{ role: 'channel', pod: `channel-${i}`, cell, ring: RING, address: `127.78.7.${i + 1}:7000` },
    }),
  ),
  { role: 'gateway', pod: 'gateway-a', cell: 'cell-a', load: { sockets: 42, slots: 0, topics: 0, perSecond: 1 } },
];

let bed: Bed;
let plane: Child;
let envoy: Envoy;
const echoes: EchoServer[] = [];

const env = (): Record<string, string> => ({
  ...{ KUBECONFIG: bed.api.kubeconfig, POD_NAMESPACE: NAMESPACE, POD_IP: PLANE.ip, LOG_LEVEL: 'info' },
  ...{ STORE_URL: `sqlite:${bed.dir}/store.db`, STATE_DIR: `${bed.dir}/state` },
  ...{ XDS_PORT: String(PLANE.xds), ADMIN_PORT: String(PLANE.admin) },
});
const debug = async <T>(path: string): Promise<T> =>
  (await (await fetch(`http://${PLANE.ip}:${PLANE.admin}/debug/v1/${path}`)).json()) as T;
const ready = async (): Promise<boolean> => (await get(PLANE.ip, PLANE.admin, '/readyz')).status === 200;
const api200 = async (n: number): Promise<Map<string, number>> => {
  const counts = new Map<string, number>();
  for (let i = 0; i < n; i++) {
    const { status, body } = await get(EDGE.ip, EDGE.port, '/api/x', 'POST');
    const key = status === 200 ? body : String(status);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
};
/** The routes that the edge was sent last are in the control plane's state file. */
async function onDisk(): Promise<boolean> {
  const { types } = await debug<NodeConfig>(`nodes/${EDGE.id}/config`);
  const sent = types.find((t) => t.type === 'RouteConfiguration')!.resources[0]!.version;
  const saved = JSON.parse(await readFile(join(bed.dir, 'state/controlplane.json'), 'utf8')) as {
    edges: { route: { version: string } }[];
  };
  return saved.edges.some(({ route }) => route.version === sent);
}
const connect = (change: Partial<ConnectControlOptions> = {}): ControlSource =>
  bed.connect({ addresses: [`${PLANE.ip}:${PLANE.xds}`], ...change });

before(async () => {
  const podIp = (cell: string): string => `127.78.${CELLS.indexOf(cell) + 1}.1`;
  const spec = { channelServers: { replicas: 2 }, edge: { port: EDGE.port } };
  bed = await startBed({ spec, podIp, beats: BEATS, keep: process.env.KEEP !== undefined });
  for (const cell of CELLS) echoes.push(await startEcho(cell, podIp(cell), CLIENT_PORT));
  plane = startControlplane(env(), join(bed.dir, 'plane.log'));
  await until(ready, 'the control plane is ready', 30_000);
  envoy = await startEnvoy({ id: EDGE.id, cell: 'cell-a', podIp: EDGE.ip }, PLANE.xds, PLANE.ip);
});
after(async () => {
  await envoy?.close();
  await plane?.kill('SIGKILL');
  for (const echo of echoes) await echo.close();
  await bed?.close();
});

test('from YAML and heartbeats to routes, workspaces and edges', async () => {
  const control = connect();
  await control.ready;
  assert.ok(control.route(RING, 0)?.owner);
  assert.notEqual(control.route(RING, 0)?.owner?.zone, control.route(RING, 0)?.standby?.zone);
  assert.equal((await control.workspace(WORKSPACE))?.displayName, 'Acme');
  assert.equal(await control.workspace(workspaceId(78n)), undefined);
  assert.equal(control.drainOrder()?.draining, false);
  await until(async () => (await get(EDGE.ip, EDGE.port, '/healthz')).status === 200, 'the edge serves');
  assert.deepEqual([...(await api200(20))], [['cell-a', 20]]);
});

test('the debug figures', async () => {
  const cells = await debug<{ cell: string; sockets: number; slots: number; members: number }[]>('cells');
  assert.deepEqual(cells.map((c) => [c.cell, c.sockets, c.slots, c.members]).sort(), [
    ['cell-a', 42, 8192, 2],
    ['cell-b', 0, 8192, 2],
  ]);
  const ring = await debug<{ epoch: number; members: object[]; maxOverAverage: number }>(`rings/${RING}`);
  assert.equal(ring.members.length, 4);
  assert.ok(ring.maxOverAverage <= 1.01);
  const at = await debug<{ ring: string; slot: number; owner: { pod: string } }>(`where?topic=${WORKSPACE}`);
  assert.equal(at.ring, RING);
  assert.match(at.owner.pod, /^channel-\d$/);
  const bad = await fetch(`http://${PLANE.ip}:${PLANE.admin}/debug/v1/where?topic=nonsense`);
  assert.equal(bad.status, 400);
  await bed.objects.pod('cell-a', 'edge', EDGE.ip);
  await bed.objects.pod('cell-b', 'edge', '127.78.0.2');
  await until(async () => {
    const [figures] = await debug<{ unreachableEdges?: string[] }[]>('cells');
    return figures?.unreachableEdges?.join() === 'cell-b-edge-1';
  }, 'the edge that nobody has started is listed');
  const nodes = await debug<{ id: string; converged: boolean }[]>('nodes');
  assert.ok(nodes.find((n) => n.id === EDGE.id)?.converged);
});

test('a replica that falls behind its peers sends its nodes to them', async (t) => {
  const lagging = '127.78.9.2';
  await bed.objects.pod('none', 'controlplane', PLANE.ip);
  // Its store stays as it is now: the other one's table will move on.
  const old = new DatabaseSync(join(bed.dir, 'store.db'));
  old.exec(`VACUUM INTO '${bed.dir}/old.db'`);
  old.close();
  const own = { POD_IP: lagging, POD_NAME: 'lagging', STATE_DIR: '', STORE_URL: `sqlite:${bed.dir}/old.db` };
  const second = startControlplane({ ...env(), ...own }, join(bed.dir, 'lagging.log'));
  t.after(() => second.kill('SIGKILL'));
  await until(async () => (await get(lagging, PLANE.admin, '/readyz')).status === 200, 'it is ready', 20_000);
  const control = connect({ addresses: [`${lagging}:${PLANE.xds}`, `${PLANE.ip}:${PLANE.xds}`] });
  await control.ready;
  const epoch = (): Promise<{ epoch: number }> => debug(`rings/${RING}`);
  const before = await epoch();
  const table = await bed.store.readTable(RING);
  assert.ok(table && table.epoch === before.epoch);
  const moved = nextTable(table);
  moved.owner[9] = table.standby[9]!;
  moved.standby[9] = table.owner[9]!;
  moved.slotEpoch[9] = moved.epoch;
  assert.ok(await bed.store.compareAndSetTable(moved));
  await until(() => (control.route(RING, 9)?.epoch ?? 0) >= moved.epoch, 'the node has gone over and knows');
  assert.match(await readFile(join(bed.dir, 'lagging.log'), 'utf8'), /behind the other replicas/);
  const paused = async (ip: string) => /^xds_paused (\d)$/m.exec((await get(ip, PLANE.admin, '/metrics')).body)?.[1];
  assert.deepEqual([await paused(lagging), await paused(PLANE.ip)], ['1', '0']);
});

test('a drain: weights reach the edge, the order the gateways, the slots leave', async () => {
  const control = connect();
  await control.ready;
  await bed.objects.client.mergePatch(
    { apiVersion: OURS, kind: 'Cell', namespace: NAMESPACE, name: 'cell-a' },
    { spec: { drain: { targetWeight: 0, reason: 'practice' } } },
    { fieldManager: 'test' },
  );
  const drain = { phase: 'Draining', fromWeight: 100, startedAt: new Date().toISOString() };
  await bed.objects.status(OURS, 'Cell', 'cell-a', { weight: 50, drain });
  await until(() => control.drainOrder()?.keepPercent === 50, 'half');
  await bed.objects.status(OURS, 'Cell', 'cell-a', { weight: 0, drain });
  await until(() => control.drainOrder()?.keepPercent === 0, 'nothing');
  assert.equal(control.drainOrder()?.reason, 'practice');
  await until(async () => (await api200(1)).has('cell-b'), 'the weights are in force');
  assert.deepEqual([...(await api200(20))], [['cell-b', 20]]);
  await until(
    async () => (await debug<{ movesInFlight: number }>(`rings/${RING}`)).movesInFlight > 0,
    'handoffs have been started',
  );
});

test('a Pod that is no longer Ready gets nothing', async (context) => {
  const { body } = await get(PLANE.ip, PLANE.admin, '/metrics');
  for (const line of body.split('\n'))
    if (/^(process_resident_memory_bytes|process_cpu_seconds_total|ring_|xds_|snapshot_)/.test(line))
      context.diagnostic(line);
  await bed.objects.status('v1', 'Pod', 'cell-b-api-1', { conditions: [{ type: 'Ready', status: 'False' }] });
  await bed.objects.status(OURS, 'Cell', 'cell-a', { weight: 100 });
  await until(async () => (await api200(1)).has('cell-a'), 'cell-a serves');
  assert.deepEqual([...(await api200(20))], [['cell-a', 20]]);
  await bed.objects.status('v1', 'Pod', 'cell-b-api-1', { conditions: [{ type: 'Ready', status: 'True' }] });
});

test('static stability: no API server, no control plane; then a control plane from its disk', async () => {
  const stateDir = join(bed.dir, 'gateway');
  const first = connect({ stateDir });
  await first.ready;
  await first.workspace(WORKSPACE);
  await first.close();
  await until(onDisk, 'the newest routes are on the disk of the control plane');
  await plane.kill('SIGKILL');
  await bed.api.kill();
  assert.deepEqual([...(await api200(20))], [['cell-a', 20]], 'traffic goes on');
  const alone = connect({ stateDir });
  await alone.ready;
  assert.ok(alone.route(RING, 100)?.owner, 'a gateway starts from its own disk');

  plane = startControlplane(env(), join(bed.dir, 'plane.log'));
  await until(ready, 'the control plane serves from disk', 20_000);
  const control = connect();
  await control.ready;
  assert.equal((await control.workspace(WORKSPACE))?.displayName, 'Acme');
  await envoy.close();
  envoy = await startEnvoy({ id: EDGE.id, cell: 'cell-a', podIp: EDGE.ip }, PLANE.xds, PLANE.ip);
  await until(async () => (await get(EDGE.ip, EDGE.port, '/healthz')).status === 200, 'a new edge serves');
  assert.deepEqual([...(await api200(20))], [['cell-a', 20]]);
  assert.match(await readFile(join(bed.dir, 'plane.log'), 'utf8'), /last good snapshot from disk/);
});

test('SIGTERM ends it in order', async () => {
  await plane.kill('SIGTERM');
  assert.match(await readFile(join(bed.dir, 'plane.log'), 'utf8'), /"msg":"closed"/);
});
