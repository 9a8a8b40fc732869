/** The gateway role: WebSockets of the clients of a cell. Any number of them; state is reconstructible. */
import { Registry } from 'prom-client';
import { connectControl } from '../../cells/contract/ads/index.ts';
import { sleep } from '../../cells/contract/clock.ts';
import { LoadCounters, LoadReporter } from '../../cells/contract/lrs/index.ts';
import { startAdminServer } from '../../cells/contract/process/admin-server.ts';
import { type Config, duration, list, type Settings } from '../../cells/contract/process/config.ts';
import type { RunningRole } from '../../cells/contract/process/lifecycle.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { systemClock as clock, systemRandom as random } from '../../cells/contract/system-clock.ts';
import { SessionTokens } from '../auth/session-tokens.ts';
import { createOwnerClient, TcpTransport } from '../links/index.ts';
import { frontSettings, podSettings } from '../pod-settings.ts';
import { isDisconnect } from '../protocol/close-codes.ts';
import { openStore } from '../storage/open.ts';
import { createTracer } from '../tracing/tracing.ts';
import { Gateway } from './gateway.ts';
import { GatewayHeartbeat } from './heartbeat.ts';
import { createGatewayMetrics } from './prom-metrics.ts';
import { startWsServer } from './ws-server.ts';

export const settings = {
  ...podSettings,
  ...frontSettings,
  allowedOrigins: list('ALLOWED_ORIGINS', 'Origins of foreign pages that may connect, by commas; * for any.', ''),
  heartbeatMs: duration('HEARTBEAT', 'Interval of the pings of clients; one silent for two is closed.', '30s'),
  leaveDelayMs: duration(
    'LEAVE_DELAY',
    'Time between "no longer ready" and the first goodbye: the edges have to hear of it first.',
    '2s',
  ),
  shutdownSpreadMs: duration('SHUTDOWN_SPREAD', 'Time over which an orderly end sends the clients away.', '8s'),
} as const satisfies Settings;

export async function run(config: Config<typeof settings>, log: Logger): Promise<RunningRole> {
  await using started = new AsyncDisposableStack();
  const { podName: pod, cell, zone, region } = config;
  const incarnation = `${config.podUid}/${random.hex(4)}`;
  const registry = new Registry();
  let waiting: readonly string[] = ['control plane'];
  let debug = (): unknown => ({});
  const admin = await startAdminServer({
    host: config.podIp,
    port: config.adminPort,
    registry,
    notReady: () => waiting,
    route: (url) => (url.pathname === '/debug/v1/gateway' ? Promise.resolve(debug()) : undefined),
  });
  started.defer(() => admin.close());
  const tracer = await createTracer({
    endpoint: config.otlpEndpoint,
    service: 'gateway',
    resource: { pod, cell, zone, region },
  });
  started.defer(() => tracer.close());
  const store = await openStore(config.storeUrl);
  started.defer(() => store.close());
  const control = connectControl({
    addresses: config.xdsAddresses,
    node: { id: incarnation, role: 'gateway', cell, zone },
    ...(config.stateDir === '' ? {} : { stateDir: config.stateDir }),
    clock,
    random,
    log,
  });
  started.defer(() => control.close());
  await control.ready;

  const loads = new LoadCounters(config, { role: 'gateway', address: config.podIp, cell, zone });
  const reporter = new LoadReporter({
    addresses: config.xdsAddresses,
    node: { id: incarnation, role: 'gateway', cell, zone },
    ...{ counters: loads, clock, random, log },
  });
  started.defer(() => reporter.close());
  const metrics = createGatewayMetrics(registry, { region, gateway: pod }, clock);
  const closed = (code: number): void => {
    metrics.closed(code);
    if (isDisconnect(code)) loads.disconnected();
  };
  const transport = new TcpTransport({ localAddress: config.podIp });
  const gateway = new Gateway({
    control,
    directory: store.directory,
    tokens: new SessionTokens({ keys: config.sessionKeys, leases: store.leases, clock, random }),
    owners: (listener) =>
      createOwnerClient({
        control,
        transport,
        clock,
        random,
        log,
        hello: { role: 'gateway', incarnation, zone, cell, pod },
        listener,
        loads,
      }),
    clock,
    random,
    log,
    ...{ incarnation, pod },
    metrics: { ...metrics, closed },
    tracer,
    heartbeatMs: config.heartbeatMs,
    shutdownSpreadMs: config.shutdownSpreadMs,
  });
  const { allowedOrigins, podIp: host, port } = config;
  const server = await startWsServer({ gateway, host, port, clock, log, allowedOrigins });
  started.defer(() => server.close());
  started.defer(() => gateway.close());
  const heartbeat = new GatewayHeartbeat({
    ring: store.ring,
    row: { incarnation, role: 'gateway', pod, cell, zone, ring: '', address: `${host}:${server.port}`, weight: 1 },
    clock,
    log,
    load: () => ({ sockets: gateway.sessionCount, topics: gateway.topicCount }),
  });
  started.defer(() => heartbeat.close());
  debug = () => ({
    incarnation,
    cell,
    zone,
    sockets: gateway.sessionCount,
    topics: gateway.topicCount,
    queued: gateway.queued,
  });
  waiting = [];

  const running = started.move();
  let closing: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    waiting = ['leaving'];
    heartbeat.leave();
    await sleep(clock, config.leaveDelayMs);
    await gateway.close();
    await running.disposeAsync();
  };
  return {
    close: () => {
      closing ??= end();
      return closing;
    },
  };
}
