import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { systemClock } from '../../contract/system-clock.ts';
import { type Observation, observe, type Place } from '../../health/observations.ts';
import { CLIENT_PORT, type EdgeWorld } from '../../traffic/world.ts';
import { AdsServer } from '../server.ts';
import { type Resource, resource, type Snapshot, snapshot } from '../snapshot.ts';
import { ENVOY } from '../types.ts';
import { clusters, endpoints } from './clusters.ts';
import { type EchoServer, type Envoy, get, startEcho, startEnvoy, until } from './envoy.test-support.ts';
import { listener } from './listener.ts';
import { decodeMessage, encodeMessage, seconds } from './messages.ts';
import { roleTraffic, routes } from './routes.ts';

const EDGE = { ip: '127.77.0.3', port: 18_080 };
const IPS = { 'cell-a': '127.77.1.3', 'cell-b': '127.77.2.3' } as const;
const GONE = '127.77.2.4';
const log = pino({ level: process.env.LOG ?? 'silent' });
const observations: Observation[] = [];
const echoes: EchoServer[] = [];
let envoy: Envoy;
let server: AdsServer;
let current: Snapshot;

const place = (ip: string): Place | undefined => {
  const cell = ip === GONE ? 'cell-b' : Object.entries(IPS).find(([, known]) => known === ip)?.[0];
  return cell === undefined ? undefined : { pod: `${cell}-${ip}`, cell, zone: `zone of ${cell}`, role: 'api' };
};
const world = (weightA: number, ...extra: string[]): EdgeWorld => ({
  cells: (['cell-a', 'cell-b'] as const).map((name) => ({
    name,
    region: 'local',
    zone: name,
    weight: name === 'cell-a' ? weightA : 100,
    capacity: 1000,
    edgePort: EDGE.port,
  })),
  endpoints: [...Object.entries(IPS), ...extra.map((ip) => ['cell-b', ip] as const)].flatMap(([cell, ip]) =>
    (['api', 'gateway'] as const).map((role) => ({
      pod: `${cell}-${role}`,
      cell,
      role,
      ip,
      health: 'HEALTHY' as const,
    })),
  ),
});
const ROUTES = 'envoy.config.route.v3.RouteConfiguration';
/** With a time-out that a test can wait for. */
function impatient(route: Resource): Resource {
  const message = decodeMessage(ROUTES, route.bytes) as {
    virtual_hosts: { routes: { name: string; route: object }[] }[];
  };
  for (const r of message.virtual_hosts[0]!.routes)
    if (r.name === 'api') r.route = { ...r.route, timeout: seconds(0.3) };
  return resource(route.name, encodeMessage(ROUTES, message), route.needs);
}
const build = (w: EdgeWorld): Snapshot =>
  snapshot({
    [ENVOY.cluster]: clusters(w.cells),
    [ENVOY.endpoints]: endpoints(w),
    [ENVOY.route]: [impatient(routes('cell-a', roleTraffic(w)))],
    [ENVOY.listener]: [listener(EDGE.ip, EDGE.port)],
  });
async function publish(next: Snapshot): Promise<void> {
  current = next;
  server.publish();
  await until(() => server.nodes().every((n) => n.version === next.version && n.converged), 'Envoy has it');
}
const total = (cell: string): { requests: number; errors: number } =>
  observations
    .filter((o) => o.target.cell === cell)
    .reduce((sum, o) => ({ requests: sum.requests + o.requests, errors: sum.errors + o.errors }), {
      requests: 0,
      errors: 0,
    });
const api = (path: string) => get(EDGE.ip, EDGE.port, `/api/${path}`, 'POST');

before(async () => {
  for (const [cell, ip] of Object.entries(IPS)) echoes.push(await startEcho(cell, ip, CLIENT_PORT));
  current = build(world(100));
  server = new AdsServer({
    ...{ host: '127.0.0.1', port: 0, clock: systemClock, log },
    source: { snapshotFor: () => current },
    loadReports: {
      intervalMs: 100,
      onReport: (node, stats) => observations.push(...observe(node, stats, place).observations),
    },
  });
  await server.start();
  envoy = await startEnvoy({ id: 'edge/cell-a/edge-1', cell: 'cell-a', podIp: EDGE.ip }, server.port);
  await until(async () => (await get(EDGE.ip, EDGE.port, '/healthz')).status === 200, 'the edge serves');
});
after(async () => {
  await envoy?.close();
  await server?.close();
  for (const echo of echoes) await echo.close();
});

test('Envoy reports the leaf of an aggregate, endpoint by endpoint, under the edge’s own zone', async () => {
  for (let i = 0; i < 20; i++) await api('x');
  await until(() => total('cell-a').requests >= 20, 'the report');
  assert.deepEqual(total('cell-a'), { requests: 20, errors: 0 });
  assert.deepEqual(total('cell-b'), { requests: 0, errors: 0 });
  const [first] = observations;
  assert.equal(first?.observerZone, 'zone-a');
  assert.deepEqual(first?.target, place(IPS['cell-a']));
  assert.equal(first?.hop, 'edge');
});

test('5xx and time-outs are errors, refusals of bad input are none', async () => {
  observations.length = 0;
  for (let i = 0; i < 5; i++) assert.equal((await api('fail')).status, 500);
  for (let i = 0; i < 3; i++) assert.equal((await api('refuse')).status, 429);
  assert.equal((await api('hang')).status, 504);
  await until(() => total('cell-a').requests >= 9, 'the report');
  assert.deepEqual(total('cell-a'), { requests: 9, errors: 6 });
});

test('a failed connection is an error of that endpoint alone, also when a retry saves the request', async () => {
  await publish(build(world(0, GONE)));
  observations.length = 0;
  let answered = 0;
  for (let i = 0; i < 20; i++) if ((await api('x')).status === 200) answered++;
  assert.ok(answered > 0);
  await until(() => total('cell-b').requests - total('cell-b').errors >= answered, 'the report');
  const byPod = Map.groupBy(observations, (o) => o.target.pod);
  const errors = (ip: string): number => (byPod.get(`cell-b-${ip}`) ?? []).reduce((sum, o) => sum + o.errors, 0);
  assert.ok(errors(GONE) > 0, 'the endpoint that is not there');
  assert.equal(errors(IPS['cell-b']), 0);
});
