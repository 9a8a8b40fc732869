/** The api role: a Web API server of a cell. Stateless; any number of them. */
import { Registry } from 'prom-client';
import { connectControl } from '../../cells/contract/ads/index.ts';
import { sleep } from '../../cells/contract/clock.ts';
import { LoadCounters, LoadReporter } from '../../cells/contract/lrs/index.ts';
import { startAdminServer } from '../../cells/contract/process/admin-server.ts';
import { type Config, duration, json, type Settings } from '../../cells/contract/process/config.ts';
import type { RunningRole } from '../../cells/contract/process/lifecycle.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { systemClock as clock, systemRandom as random } from '../../cells/contract/system-clock.ts';
import { SessionTokens } from '../auth/session-tokens.ts';
import { TokenVerifier } from '../auth/token-verifier.ts';
import { Users } from '../auth/users.ts';
import { createOwnerClient } from '../links/owner-client.ts';
import { TcpTransport } from '../links/tcp-transport.ts';
import { frontSettings, podSettings } from '../pod-settings.ts';
import { openStore } from '../storage/open.ts';
import { createTracer } from '../tracing/tracing.ts';
import { HeartbeatWriter } from './heartbeat.ts';
import { createApiServer } from './http-server.ts';
import { IdMinter } from './id-minter.ts';
import type { ApiServices, Edge } from './method.ts';
import { createHttpMetrics } from './metrics.ts';

const isEdges = (value: unknown): value is Edge[] =>
  Array.isArray(value) &&
  value.every(
    (edge) => typeof edge?.zone === 'string' && typeof edge.url === 'string' && /^https?:\/\/[^/]+\/?$/.test(edge.url),
  );

export const settings = {
  ...podSettings,
  ...frontSettings,
  edges: json('EDGE_URLS', 'JSON list of {zone, url}: every edge, as rtm.connect tells it to clients.', isEdges, '[]'),
  leaveDelayMs: duration(
    'LEAVE_DELAY',
    'Time between "no longer ready" and the end of listening: the edges have to hear of it first.',
    '3s',
  ),
} as const satisfies Settings;

type ApiConfig = Config<typeof settings>;

export async function run(config: ApiConfig, log: Logger): Promise<RunningRole> {
  // Undone in reverse order, at the end as after a failed start.
  await using started = new AsyncDisposableStack();
  const registry = new Registry();
  let waiting: () => string[] = () => ['start'];
  const admin = await startAdminServer({
    host: config.podIp,
    port: config.adminPort,
    registry,
    notReady: () => waiting(),
  });
  started.defer(() => admin.close());
  const incarnation = `${config.podUid}/${random.hex(4)}`;
  const services = await createServices(config, incarnation, log, started);
  const metrics = createHttpMetrics(registry);
  const server = await createApiServer({
    services,
    metrics,
    fallbackOrigin: config.edges[0]?.url ?? `http://${config.podIp}:${config.port}`,
  });
  started.defer(() => server.close());
  waiting = () => ['control plane'];
  await services.control.ready;
  const port = await server.listen({ host: config.podIp, port: config.port });
  const heartbeat = new HeartbeatWriter({
    ring: services.store.ring,
    row: { ...placeOf(config), incarnation, role: 'api', ring: '', address: `${config.podIp}:${port}`, weight: 1 },
    clock,
    log,
    requests: () => metrics.total(),
  });
  started.defer(() => heartbeat.close());
  waiting = () => (services.ids.ready ? [] : ['worker number from the store']);

  const running = started.move();
  const end = async (): Promise<void> => {
    waiting = () => ['leaving'];
    heartbeat.leave();
    server.leave();
    await sleep(clock, config.leaveDelayMs);
    await running.disposeAsync();
  };
  let closing: Promise<void> | undefined;
  return {
    close() {
      closing ??= end();
      return closing;
    },
  };
}

const placeOf = ({ podName, cell, zone }: ApiConfig): { pod: string; cell: string; zone: string } => ({
  pod: podName,
  cell,
  zone,
});

async function createServices(
  config: ApiConfig,
  incarnation: string,
  log: Logger,
  started: AsyncDisposableStack,
): Promise<ApiServices> {
  const place = placeOf(config);
  const resource = { ...place, region: config.region };
  const tracer = await createTracer({ endpoint: config.otlpEndpoint, service: 'api', resource });
  started.defer(() => tracer.close());
  const store = await openStore(config.storeUrl);
  started.defer(() => store.close());
  const control = connectControl({
    addresses: config.xdsAddresses,
    node: { id: incarnation, role: 'api', cell: config.cell, zone: config.zone },
    ...(config.stateDir === '' ? {} : { stateDir: config.stateDir }),
    clock,
    random,
    log,
  });
  started.defer(() => control.close());
  const loads = new LoadCounters(config);
  const reporter = new LoadReporter({
    addresses: config.xdsAddresses,
    node: { id: incarnation, role: 'api', cell: config.cell, zone: config.zone },
    ...{ counters: loads, clock, random, log },
  });
  started.defer(() => reporter.close());
  const transport = new TcpTransport({ localAddress: config.podIp });
  const hello = { ...place, role: 'api' as const, incarnation };
  const owners = createOwnerClient({ control, transport, clock, random, log, hello, loads });
  started.defer(() => owners.close());
  const ids = new IdMinter({ leases: store.leases, holder: incarnation, clock, log });
  started.defer(() => ids.close());
  return {
    store,
    owners,
    control,
    tokens: new TokenVerifier({ control, clock }),
    users: new Users({ directory: store.directory, owners, clock, log }),
    sessions: new SessionTokens({ keys: config.sessionKeys, leases: store.leases, clock, random }),
    ids,
    clock,
    random,
    log,
    tracer,
    edges: config.edges,
  };
}
