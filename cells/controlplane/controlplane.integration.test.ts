import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { type ConnectControlOptions, connectControl } from '../contract/ads/index.ts';
import type { ControlSource } from '../contract/control.ts';
import { workspaceId } from '../contract/ids.ts';
import type { Heartbeat } from '../contract/ring-store.ts';
import { ringTables, SqlRingStore, slotLoadTable } from '../contract/ring-store-sql.ts';
import { nextTable } from '../contract/ring-table.ts';
import { openDatabase } from '../contract/sql/open-database.ts';
import { systemClock, systemRandom } from '../contract/system-clock.ts';
import { CLIENT_PORT } from '../traffic/world.ts';
import { type EchoServer, type Envoy, get, startEcho, startEnvoy, until } from '../xds/envoy/envoy.test-support.ts';
import { type Child, Objects, startApiServer, startControlplane } from './controlplane.test-support.ts';

const NS = 'demo';
const RING = `${NS}/main`;
const OURS = 'chatcells.dev/v1alpha1';
const EDGE = { ip: '127.78.0.1', port: 18_081 };
const PLANE = { ip: '127.78.9.1', xds: 18_000, admin: 18_080 };
const log = pino({ level: 'silent' });

let dir: string;
let api: Awaited<ReturnType<typeof startApiServer>>;
let objects: Objects;
let plane: Child;
let envoy: Envoy;
const echoes: EchoServer[] = [];
const controls: ControlSource[] = [];
let beating: ReturnType<typeof setInterval>;
let store: SqlRingStore;
let closeStore: () => Promise<void>;

const env = (): Record<string, string> => ({
  ...{ KUBECONFIG: api.kubeconfig, POD_NAMESPACE: NS, POD_IP: PLANE.ip, STORE_URL: `sqlite:${dir}/store.db` },
  ...{ STATE_DIR: `${dir}/state`, XDS_PORT: String(PLANE.xds), ADMIN_PORT: String(PLANE.admin), LOG_LEVEL: 'info' },
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
function connect(change: Partial<ConnectControlOptions> = {}): ControlSource {
  const control = connectControl({
    addresses: [`${PLANE.ip}:${PLANE.xds}`],
    node: { id: `gateway-${controls.length}`, role: 'gateway', cell: 'cell-a', zone: 'zone-a' },
    ...{ clock: systemClock, random: systemRandom, log, backoff: { baseMs: 50, maxMs: 200 } },
    ...change,
  });
  controls.push(control);
  return control;
}
function beat(): void {
  const rows: Heartbeat[] = [];
  for (const [i, cell] of ['cell-a', 'cell-a', 'cell-b', 'cell-b'].entries())
    rows.push(row('channel', `channel-${i}`, cell, { ring: RING, address: `127.78.7.${i + 1}:7000` }));
  rows.push(row('gateway', 'gateway-a', 'cell-a', { load: { sockets: 42, slots: 0, topics: 0, perSecond: 1 } }));
  for (const r of rows) store.beat(r).catch(() => {});
}
let counter = 0;
const row = (role: Heartbeat['role'], pod: string, cell: string, change: Partial<Heartbeat>): Heartbeat => ({
  ...{ incarnation: `${pod}/1`, role, pod, cell, zone: cell.replace('cell', 'zone'), ring: '', address: '' },
  ...{ weight: 1, counter: counter++, state: 'serving', load: { sockets: 0, slots: 0, topics: 0, perSecond: 0 } },
  ...change,
});

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'controlplane-'));
  const db = await openDatabase(`sqlite:${dir}/store.db`);
  closeStore = () => db.close();
  await db.exclusive(async (run) => {
    for (const sql of [...ringTables(db.dialect), slotLoadTable(db.dialect)]) await run({ sql, params: [] });
  });
  store = new SqlRingStore(db);
  api = await startApiServer(join(dir, 'api'));
  objects = new Objects(api.kubeconfig, NS);
  await objects.prepare();
  for (const [i, cell] of ['cell-a', 'cell-b'].entries()) {
    const spec = { region: 'local', zone: cell.replace('cell', 'zone'), channelServers: { replicas: 2 } };
    await objects.apply(OURS, 'Cell', cell, { spec: { ...spec, edge: { port: EDGE.port } } });
    const ip = `127.78.${i + 1}.1`;
    echoes.push(await startEcho(cell, ip, CLIENT_PORT));
    for (const role of ['gateway', 'api']) await objects.pod(cell, role, ip);
  }
  await objects.apply(OURS, 'ChannelRing', 'main', { spec: { cells: ['cell-a', 'cell-b'] } });
  await objects.apply(OURS, 'Workspace', 'acme', { spec: { displayName: 'Acme', ring: 'main' } });
  await objects.status(OURS, 'Workspace', 'acme', {
    workspaceId: workspaceId(77n),
    tokenKeys: [{ kid: 'k1', x: 'a'.repeat(43) }],
  });
  beating = setInterval(beat, 400);
  plane = startControlplane(env(), join(dir, 'plane.log'));
  await until(ready, 'the control plane is ready', 30_000);
  envoy = await startEnvoy({ id: 'edge/cell-a/cell-a-edge-1', cell: 'cell-a', podIp: EDGE.ip }, PLANE.xds, PLANE.ip);
});
after(async () => {
  clearInterval(beating);
  await Promise.all(controls.map((c) => c.close()));
  await envoy?.close();
  await plane?.kill('SIGKILL');
  await api?.kill();
  for (const echo of echoes) await echo.close();
  await closeStore?.();
  if (process.env.KEEP) process.stderr.write(`kept ${dir}\n`);
  else if (dir) await rm(dir, { recursive: true, force: true });
});

test('from YAML and heartbeats to routes, workspaces and edges', async () => {
  const control = connect();
  await control.ready;
  assert.ok(control.route(RING, 0)?.owner);
  assert.notEqual(control.route(RING, 0)?.owner?.zone, control.route(RING, 0)?.standby?.zone);
  assert.equal((await control.workspace(workspaceId(77n)))?.displayName, 'Acme');
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
  const at = await debug<{ ring: string; slot: number; owner: { pod: string } }>(`where?topic=${workspaceId(77n)}`);
  assert.equal(at.ring, RING);
  assert.match(at.owner.pod, /^channel-\d$/);
  const bad = await fetch(`http://${PLANE.ip}:${PLANE.admin}/debug/v1/where?topic=nonsense`);
  assert.equal(bad.status, 400);
  await objects.pod('cell-a', 'edge', EDGE.ip);
  await objects.pod('cell-b', 'edge', '127.78.0.2');
  await until(async () => {
    const [figures] = await debug<{ unreachableEdges?: string[] }[]>('cells');
    return figures?.unreachableEdges?.join() === 'cell-b-edge-1';
  }, 'the edge that nobody has started is listed');
  const nodes = await debug<{ id: string; converged: boolean }[]>('nodes');
  assert.ok(nodes.find((n) => n.id === 'edge/cell-a/cell-a-edge-1')?.converged);
});

test('a replica that falls behind its peers sends its nodes to them', async () => {
  const lagging = '127.78.9.2';
  await objects.pod('none', 'controlplane', PLANE.ip);
  // Its store stays as it is now: the other one's table will move on.
  const old = new DatabaseSync(join(dir, 'store.db'));
  old.exec(`VACUUM INTO '${dir}/old.db'`);
  old.close();
  const own = { POD_IP: lagging, POD_NAME: 'lagging', STATE_DIR: '', STORE_URL: `sqlite:${dir}/old.db` };
  const second = startControlplane({ ...env(), ...own }, join(dir, 'lagging.log'));
  await until(async () => (await get(lagging, PLANE.admin, '/readyz')).status === 200, 'it is ready', 20_000);
  const control = connect({ addresses: [`${lagging}:${PLANE.xds}`, `${PLANE.ip}:${PLANE.xds}`] });
  await control.ready;
  const epoch = (): Promise<{ epoch: number }> => debug(`rings/${RING}`);
  const before = await epoch();
  const table = await store.readTable(RING);
  assert.ok(table && table.epoch === before.epoch);
  const moved = nextTable(table);
  moved.owner[9] = table.standby[9]!;
  moved.standby[9] = table.owner[9]!;
  moved.slotEpoch[9] = moved.epoch;
  assert.ok(await store.compareAndSetTable(moved));
  await until(() => (control.route(RING, 9)?.epoch ?? 0) >= moved.epoch, 'the node has gone over and knows');
  assert.match(await readFile(join(dir, 'lagging.log'), 'utf8'), /behind the other replicas/);
  await second.kill('SIGKILL');
});

test('a drain: weights reach the edge, the order the gateways, the slots leave', async () => {
  const control = connect();
  await control.ready;
  await objects.client.mergePatch(
    { apiVersion: OURS, kind: 'Cell', namespace: NS, name: 'cell-a' },
    { spec: { drain: { targetWeight: 0, reason: 'practice' } } },
    { fieldManager: 'test' },
  );
  const drain = { phase: 'Draining', fromWeight: 100, startedAt: new Date().toISOString() };
  await objects.status(OURS, 'Cell', 'cell-a', { weight: 50, drain });
  await until(() => control.drainOrder()?.keepPercent === 50, 'half');
  await objects.status(OURS, 'Cell', 'cell-a', { weight: 0, drain });
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
  await objects.status('v1', 'Pod', 'cell-b-api-1', { conditions: [{ type: 'Ready', status: 'False' }] });
  await objects.status(OURS, 'Cell', 'cell-a', { weight: 100 });
  await until(async () => (await api200(1)).has('cell-a'), 'cell-a serves');
  assert.deepEqual([...(await api200(20))], [['cell-a', 20]]);
  await objects.status('v1', 'Pod', 'cell-b-api-1', { conditions: [{ type: 'Ready', status: 'True' }] });
});

test('static stability: no API server, no control plane; then a control plane from its disk', async () => {
  const stateDir = join(dir, 'gateway');
  const first = connect({ stateDir });
  await first.ready;
  await first.workspace(workspaceId(77n));
  await first.close();
  await new Promise((resolve) => setTimeout(resolve, 1_100)); // the state file is written within a second
  await plane.kill('SIGKILL');
  await api.kill();
  assert.deepEqual([...(await api200(20))], [['cell-a', 20]], 'traffic goes on');
  const alone = connect({ stateDir });
  await alone.ready;
  assert.ok(alone.route(RING, 100)?.owner, 'a gateway starts from its own disk');

  plane = startControlplane(env(), join(dir, 'plane.log'));
  await until(ready, 'the control plane serves from disk', 20_000);
  const control = connect();
  await control.ready;
  assert.equal((await control.workspace(workspaceId(77n)))?.displayName, 'Acme');
  await envoy.close();
  envoy = await startEnvoy({ id: 'edge/cell-a/cell-a-edge-1', cell: 'cell-a', podIp: EDGE.ip }, PLANE.xds, PLANE.ip);
  await until(async () => (await get(EDGE.ip, EDGE.port, '/healthz')).status === 200, 'a new edge serves');
  assert.deepEqual([...(await api200(20))], [['cell-a', 20]]);
  assert.match(await readFile(join(dir, 'plane.log'), 'utf8'), /last good snapshot from disk/);
});

test('SIGTERM ends it in order', async () => {
  await plane.kill('SIGTERM');
  assert.match(await readFile(join(dir, 'plane.log'), 'utf8'), /"msg":"closed"/);
});
