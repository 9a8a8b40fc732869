import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { systemClock } from '../../contract/system-clock.ts';
import { CLIENT_PORT, type EdgeWorld } from '../../traffic/world.ts';
import { AdsServer } from '../server.ts';
import { type Resource, resource, type Snapshot, snapshot, type WholeSnapshot } from '../snapshot.ts';
import { ENVOY } from '../types.ts';
import { clusters, endpoints } from './clusters.ts';
import { type EchoServer, type Envoy, get, startEcho, startEnvoy, until } from './envoy.test-support.ts';
import { listener } from './listener.ts';
import { encodeMessage, seconds } from './messages.ts';
import { roleTraffic, routes } from './routes.ts';

const EDGE_NODE = 'edge/cell-a/edge-1';
const EDGE = { ip: '127.77.0.1', port: 18_080 };
const log = pino({ level: process.env.LOG ?? 'silent' });
const echoes: EchoServer[] = [];
let envoy: Envoy;
let server: AdsServer;
let current: Snapshot;

const cell = (name: string, weight: number): EdgeWorld['cells'][number] => ({
  name,
  region: 'local',
  zone: name,
  weight,
  capacity: 1000,
  edgePort: EDGE.port,
});
const endpoint = (cellName: string, ip: string, health: 'HEALTHY' | 'DRAINING' = 'HEALTHY'): EdgeWorld['endpoints'] =>
  (['api', 'gateway'] as const).map((role) => ({ pod: `${cellName}-${role}`, cell: cellName, role, ip, health }));
const world = (weightA: number, health: 'HEALTHY' | 'DRAINING' = 'HEALTHY'): EdgeWorld => ({
  cells: [cell('cell-a', weightA), cell('cell-b', 100)],
  endpoints: [...endpoint('cell-a', '127.77.1.1', health), ...endpoint('cell-b', '127.77.2.1')],
});
/** Routes are built from `weights`, the rest from `w`, so that a test can have both of its own. */
const build = (w: EdgeWorld, route: Resource = routes('cell-a', roleTraffic(w))): WholeSnapshot =>
  snapshot({
    [ENVOY.cluster]: clusters(w.cells),
    [ENVOY.endpoints]: endpoints(w),
    [ENVOY.route]: [route],
    [ENVOY.listener]: [listener(EDGE.ip, EDGE.port)],
  });

async function publish(next: Snapshot): Promise<void> {
  current = next;
  server.publish();
  await until(() => server.nodes().every((n) => n.version === next.version && n.converged), 'Envoy has it');
}
const statuses = async (n: number, path = '/api/x', method = 'POST'): Promise<Map<string, number>> => {
  const counts = new Map<string, number>();
  for (let done = 0; done < n; done += 20) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(EDGE.ip, EDGE.port, path, method)));
    for (const { status, body } of answers) {
      const key = status === 200 ? body : String(status);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
};
const startServer = async (port = 0): Promise<AdsServer> => {
  const s = new AdsServer({
    host: '127.0.0.1',
    port,
    clock: systemClock,
    log,
    source: { snapshotFor: () => current },
  });
  await s.start();
  return s;
};

before(async () => {
  echoes.push(
    await startEcho('cell-a', '127.77.1.1', CLIENT_PORT),
    await startEcho('cell-b', '127.77.2.1', CLIENT_PORT),
  );
  current = build(world(100));
  server = await startServer();
  envoy = await startEnvoy({ id: EDGE_NODE, cell: 'cell-a', podIp: EDGE.ip }, server.port);
  await until(async () => (await get(EDGE.ip, EDGE.port, '/healthz')).status === 200, 'the edge serves');
});
after(async () => {
  await envoy?.close();
  await server?.close();
  for (const echo of echoes) await echo.close();
});

test('Envoy accepts every resource, and its own cell takes all', async () => {
  await publish(build(world(100)));
  assert.deepEqual([...(await statuses(40))], [['cell-a', 40]]);
  const [node] = server.nodes();
  assert.equal(node?.podIp, EDGE.ip);
  assert.equal(node?.cell, 'cell-a');
  assert.deepEqual(node?.types.map((t) => [t.type, t.nacks]).sort(), [
    ['Cluster', 0],
    ['ClusterLoadAssignment', 0],
    ['Listener', 0],
    ['RouteConfiguration', 0],
  ]);
});

test('an open WebSocket survives weight 0, draining endpoints and the removal of its cell', async () => {
  await publish(build(world(100)));
  const socket = new WebSocket(`ws://${EDGE.ip}:${EDGE.port}/ws?ticket=x`);
  const frames: string[] = [];
  let closed: number | undefined;
  socket.on('message', (data) => frames.push(String(data)));
  socket.on('close', (code) => {
    closed = code;
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const echo = async (text: string): Promise<void> => {
    socket.send(text);
    await until(() => closed !== undefined || frames.includes(`cell-a:${text}`), `the echo of ${text}`);
    assert.equal(closed, undefined, 'still open');
  };
  await echo('full');
  for (const weight of [99, 50, 1, 0]) await publish(build(world(weight)));
  await echo('zero');
  await publish(build(world(0, 'DRAINING')));
  await echo('draining');
  const gone = world(100);
  await publish(build({ cells: gone.cells.slice(1), endpoints: gone.endpoints.filter((e) => e.cell === 'cell-b') }));
  await echo('removed');
  await publish(build(world(100)));
  await echo('back');
  socket.terminate();
});

test('50/50 with the endpoints of one cell draining: no 503', async () => {
  const half = routes('cell-a', roleTraffic(world(50)));
  await publish(build(world(50), half));
  const both = await statuses(200);
  assert.equal((both.get('cell-a') ?? 0) + (both.get('cell-b') ?? 0), 200);
  assert.ok((both.get('cell-a') ?? 0) > 50 && (both.get('cell-b') ?? 0) > 50, `both take: ${[...both]}`);
  await publish(build(world(50, 'DRAINING'), half));
  assert.deepEqual([...(await statuses(400))], [['cell-b', 400]]);
});

test('weights change while requests run: none fails', async () => {
  let stop = false;
  const failures: number[] = [];
  const load = (async () => {
    while (!stop) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => get(EDGE.ip, EDGE.port, '/api/x', 'POST')));
      failures.push(...answers.map((a) => a.status).filter((s) => s !== 200));
    }
  })();
  for (let weight = 100; weight >= 0; weight -= 5) await publish(build(world(weight)));
  stop = true;
  await load;
  assert.deepEqual(failures, []);
});

test('nobody to answer: 503 in the form of the Web API, and back at once when somebody is there', async () => {
  const nobody = { ...world(100), endpoints: [] };
  await publish(build(nobody, routes('cell-a', roleTraffic(world(100)))));
  const answer = await get(EDGE.ip, EDGE.port, '/api/x', 'POST');
  assert.equal(answer.status, 503);
  assert.deepEqual(JSON.parse(answer.body), { ok: false, error: 'service_unavailable' });
  assert.deepEqual(await get(EDGE.ip, EDGE.port, '/healthz'), { status: 200, body: 'ok\n' });
  await publish(build(world(100)));
  assert.deepEqual([...(await statuses(20))], [['cell-a', 20]]);
});

test('a NACK is recorded in Envoy’s words, the last good goes on, the next good clears it', async () => {
  await publish(build(world(100)));
  const zero = {
    name: 'edge',
    virtual_hosts: [
      {
        name: 'edge',
        domains: ['*'],
        routes: [
          {
            match: { prefix: '/' },
            route: { weighted_clusters: { clusters: [{ name: 'cell-a-api-or-other', weight: { value: 0 } }] } },
          },
        ],
      },
    ],
  };
  current = build(world(100), resource('edge', encodeMessage('envoy.config.route.v3.RouteConfiguration', zero)));
  server.publish();
  const lastError = (): string =>
    server.nodes()[0]?.types.find((t) => t.type === 'RouteConfiguration')?.lastError ?? '';
  await until(() => lastError() !== '', 'the NACK');
  assert.match(lastError(), /[Ss]um of weights/);
  assert.deepEqual([...(await statuses(20))], [['cell-a', 20]]);
  await publish(build(world(99)));
  assert.equal(lastError(), '');
});

test('a cluster that Envoy refuses holds up neither those that came with it nor the routes to them', async () => {
  await publish(build(world(100)));
  const moved: EdgeWorld = {
    cells: [cell('cell-a', 0), cell('cell-d', 100)],
    endpoints: [...endpoint('cell-a', '127.77.1.1'), ...endpoint('cell-d', '127.77.2.1')],
  };
  const bad = resource(
    'bad',
    encodeMessage('envoy.config.cluster.v3.Cluster', { name: 'bad', connect_timeout: seconds(-1) }),
  );
  const good = [...build(moved).types].map(([type, held]) => [type, [...held.values()]] as const);
  const lists = Object.fromEntries(good);
  current = snapshot({ ...lists, [ENVOY.cluster]: [bad, ...lists[ENVOY.cluster]!] });
  server.publish();
  const refused = () => server.configOf(EDGE_NODE)?.types.find((t) => t.type === 'Cluster')?.resources ?? [];
  await until(async () => (await statuses(20)).get('cell-b') === 20, 'the route to what came with the bad one');
  assert.deepEqual(
    refused().map((r) => [r.name, r.refused !== undefined]),
    refused().map((r) => [r.name, r.name === 'bad']),
    'Envoy’s words do not name it',
  );
  assert.match(refused().find((r) => r.name === 'bad')!.refused!, /Invalid duration/);
  await publish(build(world(100)));
});

test('control plane killed: traffic goes on; another one takes over without a change', async () => {
  await publish(build(world(0)));
  const { port } = server;
  await server.close();
  assert.deepEqual([...(await statuses(100))], [['cell-b', 100]]);
  server = await startServer(port);
  await until(() => server.nodeCount === 1, 'Envoy is back');
  await publish(build(world(100)));
  assert.deepEqual([...(await statuses(40))], [['cell-a', 40]]);
});
