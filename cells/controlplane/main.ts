/**
 * The control plane: xDS for Envoy and the dataplane, and the ring manager. Every replica serves, none leads: what they
 * share is the API server (intent and decisions) and the store (slot tables, heartbeats).
 */
import { Registry } from 'prom-client';
import { ClockCheck } from '../contract/clock-check.ts';
import { loadKubeConfig } from '../contract/kube/index.ts';
import { startAdminServer } from '../contract/process/admin-server.ts';
import type { Logger } from '../contract/process/log.ts';
import type { Role, RunningRole } from '../contract/process/role.ts';
import type { RingStore } from '../contract/ring-store.ts';
import { openRingStore } from '../contract/ring-store-open.ts';
import { systemClock as clock, systemRandom as random } from '../contract/system-clock.ts';
import { LoadHistory, SLICE_SECONDS } from '../health/history.ts';
import { BUCKET_SECONDS } from '../health/report.ts';
import { AdsServer } from '../xds/server.ts';
import { shortType } from '../xds/types.ts';
import { debugRoute } from './debug.ts';
import { watchKube } from './kube-watch.ts';
import { LoadIntake } from './load-intake.ts';
import { Loop } from './loop.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { Peers } from './peers.ts';
import { Processes, readyUids } from './processes.ts';
import { Publisher } from './publisher.ts';
import { RingManager } from './ring-manager.ts';
import { type ControlplaneConfig, settings } from './settings.ts';
import { type Position, Staleness } from './staleness.ts';
import { Tables } from './tables.ts';

export { settings };

const PEER_PERIOD_MS = 1_000;
const CLOCK_PERIOD_MS = 10_000;

export async function run(config: ControlplaneConfig, log: Logger): Promise<RunningRole> {
  await using started = new AsyncDisposableStack();
  const registry = new Registry();
  const metrics = createMetrics(
    registry,
    () => server.nodeCount,
    () => [...observed.cells.values()].map((c) => c.metadata.name),
  );
  const hooks = { changed: (): void => {}, synced: false };
  const { kubeconfig: KUBECONFIG, kubernetesServiceHost: KUBERNETES_SERVICE_HOST } = config;
  const observed = watchKube({
    kubeConfig: loadKubeConfig({ KUBECONFIG, KUBERNETES_SERVICE_HOST }),
    namespace: config.namespace,
    clock,
    random,
    log,
    onChange: () => hooks.changed(),
  });
  started.defer(() => observed.close());
  const store = await openRingStore(config.storeUrl);
  started.defer(() => store.close());

  const tables = new Tables({
    store,
    rings: () => observed.rings.keys(),
    onTable: (table, givers) => {
      metrics.ringEpoch.set({ ring: table.ring }, table.epoch);
      rings.charge(table, givers);
    },
    onGone: (ring) => metrics.ringEpoch.remove({ ring }),
    onChange: () => publisher.changed(),
  });
  const publisher = new Publisher({
    observed,
    tables: () => tables.all(),
    clock,
    log,
    stateDir: config.stateDir,
    publish: () => server.publish(),
    onRefused: (group) => metrics.refused.inc({ group }),
  });
  started.defer(() => publisher.close());
  const rings = new RingManager({
    store,
    tables,
    rings: observed.rings,
    cells: observed.cells,
    workspaces: observed.workspaces,
    periodMs: config.ringPeriodMs,
    clock,
    log,
    onCommit: (ring, outcome, moves) => {
      metrics.ringCommits.inc({ ring, outcome });
      for (const { reason } of moves) metrics.ringMoves.inc({ ring, reason });
    },
  });
  const loads = new LoadHistory(clock);
  const intake = new LoadIntake({ pods: observed.pods, cells: observed.cells, loads, metrics });
  const server = new AdsServer({
    host: config.podIp,
    port: config.xdsPort,
    source: publisher,
    clock,
    log,
    onAnswer: (_, type, { outcome }) => {
      if (outcome === 'ack') metrics.acks.inc({ type: shortType(type) });
      if (outcome === 'nack') metrics.nacks.inc({ type: shortType(type) });
    },
    loadReports: { intervalMs: SLICE_SECONDS * 1_000, onReport: (node, stats) => intake.take(node, stats) },
  });
  await publisher.load();
  await server.start();
  started.defer(() => server.close());

  const peers = new Peers({ pods: observed.pods, self: config.podName, adminPort: config.adminPort });
  const position = (): Position => ({
    epochs: Object.fromEntries((tables.all() ?? []).map((t) => [t.ring, t.epoch])),
    cells: Object.fromEntries([...observed.cells].map(([key, c]) => [key, Number(c.metadata.resourceVersion)])),
    newest: {
      pods: newestOf(observed.pods),
      rings: newestOf(observed.rings),
      workspaces: newestOf(observed.workspaces),
    },
  });
  const processes = new Processes(config.ringPeriodMs, () => readyUids(observed.pods));
  const admin = await startAdminServer({
    host: config.podIp,
    port: config.adminPort,
    registry,
    notReady: () => (publisher.ready ? [] : ['a first snapshot: the API server and the store']),
    route: (url) =>
      debugRoute(url, {
        ...{ cells: observed.cells, rings: observed.rings, pods: observed.pods },
        nodes: () => server.nodes(),
        nodeConfig: (id) => server.configOf(id),
        allNodes: () => peers.allNodes(server.nodes()),
        position,
        ...{ loads, peers },
        alive: () => processes.alive(),
        serving: () => processes.serving(),
        ageMs: () => processes.ageMs(clock.monotonicMs()),
        table: (ring) => tables.get(ring),
        manager: rings,
      }),
  });
  started.defer(() => admin.close());
  hooks.changed = () => {
    intake.podsChanged();
    publisher.changed();
  };
  void observed.synced.then(() => {
    hooks.synced = true;
    publisher.goLive();
  });

  const failed = (what: string) => (err: unknown, inARow: number) => {
    metrics.storeErrors.inc();
    // One outage is one line: the metric counts the rest.
    log[inARow === 1 ? 'warn' : 'debug']({ err }, `${what} failed: trying again`);
  };
  const pollLoop = new Loop(clock, config.tablePollMs, () => tables.poll(), failed('reading the slot tables'));
  started.defer(() => pollLoop.close());
  // Without the API server's word on which rings and cells there are, nothing is to be decided.
  const round = async (): Promise<void> => (hooks.synced ? manage({ store, processes, rings }) : undefined);
  const ringLoop = new Loop(clock, config.ringPeriodMs, round, failed('managing the rings'));
  started.defer(() => ringLoop.close());

  const clockCheck = new ClockCheck({
    storeMs: () => store.wallMs(),
    ...{ clock, log, limitMs: BUCKET_SECONDS * 1_000 },
    consequence: 'what nodes report here may not count in the health verdict',
    onSkew: (skewMs) => metrics.clockSkewMs.set(skewMs),
  });
  const clockLoop = new Loop(clock, CLOCK_PERIOD_MS, () => clockCheck.look(), failed("reading the store's clock"));
  started.defer(() => clockLoop.close());

  const watch = watchPeers({ peers, position, server, metrics, log });
  const peerLoop = new Loop(clock, PEER_PERIOD_MS, watch, failed('asking the other replicas'));
  started.defer(() => peerLoop.close());

  const running = started.move();
  return { close: () => running.disposeAsync() };
}

const newestOf = (objects: ReadonlyMap<string, { metadata: { resourceVersion?: string } }>): number => {
  let newest = 0;
  for (const { metadata } of objects.values()) newest = Math.max(newest, Number(metadata.resourceVersion ?? 0));
  return newest;
};

/** One round: stops serving when this replica has fallen behind, and goes on when it has caught up. */
function watchPeers(of: {
  peers: Peers;
  position: () => Position;
  server: AdsServer;
  metrics: Pick<Metrics, 'paused'>;
  log: Logger;
}) {
  const staleness = new Staleness();
  let stale = false;
  return async (): Promise<void> => {
    const theirs = await of.peers.ask<Position>('position');
    const known = theirs.filter((p) => p !== undefined);
    const now = staleness.observe(of.position(), known, clock.monotonicMs());
    if (now === stale) return;
    stale = now;
    of.log.warn({ stale, own: of.position(), theirs: known }, stale ? 'behind the other replicas' : 'caught up');
    of.server.pause(stale);
    of.metrics.paused.set(Number(stale));
  };
}

async function manage(of: { store: RingStore; processes: Processes; rings: RingManager }): Promise<void> {
  const startedAt = clock.monotonicMs();
  try {
    const rows = await of.store.heartbeats();
    const now = clock.monotonicMs();
    const ended = of.processes.observe(rows, now, now - startedAt);
    if (ended.length > 0) await of.store.forget(ended);
    await of.rings.tick(rows, now, now - startedAt);
  } catch (e: unknown) {
    of.processes.observeFailure(clock.monotonicMs());
    of.rings.tickFailed(clock.monotonicMs());
    throw e;
  }
}

({ settings, run }) satisfies Role<typeof settings>;
