/** The channel role: owns slots. Reads the slot table from the store itself, so it needs no control plane to run. */
import { LoadCounters, LoadReporter } from '../../cells/contract/lrs/index.ts';
import { startAdminServer } from '../../cells/contract/process/admin-server.ts';
import { type Config, integer, list, type Settings, text } from '../../cells/contract/process/config.ts';
import type { RunningRole } from '../../cells/contract/process/lifecycle.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { systemClock as clock, systemRandom as random } from '../../cells/contract/system-clock.ts';
import { TcpTransport } from '../links/index.ts';
import { podSettings } from '../pod-settings.ts';
import { openStore } from '../storage/open.ts';
import { createTracer } from '../tracing/tracing.ts';
import { ChannelMetrics } from './metrics.ts';
import { ChannelServer } from './server.ts';

const port = { min: 0, max: 65_535 };

export const settings = {
  ...podSettings,
  ring: text('RING', 'Namespace and name of the ChannelRing: chatcells/main.'),
  xdsAddresses: list(
    'XDS_ADDRESSES',
    "host:port of the control plane's replicas, the own zone's first: load reports go there, nothing comes from there.",
    '',
  ),
  linkPort: integer('LINK_PORT', 'Port of the links.', port, '7000'),
  heartbeatMs: integer('HEARTBEAT_MS', 'Interval of the heartbeat, in milliseconds.', { min: 10, max: 60_000 }, '500'),
  missed: integer('HEARTBEATS_MISSED', 'Heartbeats missed before a member counts as dead.', { min: 2, max: 100 }, '4'),
  weight: integer('WEIGHT', 'Share of slots relative to the other members.', { min: 1, max: 100 }, '1'),
  handoverMs: integer(
    'HANDOVER_MS',
    'Time that an orderly end has to hand its slots over, in milliseconds.',
    { min: 0, max: 600_000 },
    '45000',
  ),
} as const satisfies Settings;

export async function run(config: Config<typeof settings>, log: Logger): Promise<RunningRole> {
  await using started = new AsyncDisposableStack();
  let server: ChannelServer | undefined;
  const metrics = new ChannelMetrics(undefined, () => server?.collect());
  const admin = await startAdminServer({
    host: config.podIp,
    port: config.adminPort,
    registry: metrics.registry,
    notReady: () => server?.waitingFor ?? ['store'],
    route: (url) =>
      url.pathname === '/debug/v1/channel'
        ? Promise.resolve({ slots: server?.slotCount ?? 0, topics: server?.topicCount ?? 0 })
        : undefined,
  });
  started.defer(() => admin.close());
  const { podName: pod, cell, zone, region, ring, weight } = config;
  const resource = { pod, cell, zone, region };
  const tracer = await createTracer({ endpoint: config.otlpEndpoint, service: 'channel', resource });
  started.defer(() => tracer.close());
  const store = await openStore(config.storeUrl);
  started.defer(() => store.close());
  const incarnation = `${config.podUid}/${random.hex(4)}`;
  const loads = new LoadCounters(config);
  if (config.xdsAddresses.length > 0) {
    const node = { id: incarnation, role: 'channel', cell, zone };
    const reporter = new LoadReporter({
      addresses: config.xdsAddresses,
      ...{ node, counters: loads, clock, random, log },
    });
    started.defer(() => reporter.close());
  }
  server = await ChannelServer.start({
    ...{ store, clock, random, log, metrics, loads, tracer },
    transport: new TcpTransport({ localAddress: config.podIp }),
    row: {
      ...{ incarnation, pod, cell, zone, ring, weight },
      address: `${config.podIp}:${config.linkPort}`,
    },
    heartbeatMs: config.heartbeatMs,
    missed: config.missed,
  });
  const running = started.move();
  const live = server;
  let closing: Promise<void> | undefined;
  return {
    close: () => {
      closing ??= live.close(config.handoverMs).then(() => running.disposeAsync());
      return closing;
    },
  };
}
