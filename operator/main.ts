/** The operator: one leader reconciles Cell, ChannelRing, Workspace and PracticeDrain; every replica keeps its copies warm. */
import { Registry } from 'prom-client';
import { Snowflake } from '../cells/contract/ids.ts';
import { KubeClient, loadKubeConfig } from '../cells/contract/kube/client.ts';
import { EventRecorder } from '../cells/contract/kube/events.ts';
import { OPERATOR_LEASE } from '../cells/contract/kube/lease.ts';
import { startAdminServer } from '../cells/contract/process/admin-server.ts';
import { parseConfig } from '../cells/contract/process/config.ts';
import { createLogger, type Logger } from '../cells/contract/process/log.ts';
import type { Role, RunningRole } from '../cells/contract/process/role.ts';
import { systemClock as clock, systemRandom as random } from '../cells/contract/system-clock.ts';
import { windowBucketsOf } from '../cells/health/policy.ts';
import { isSuspect } from '../cells/health/suspicion.ts';
import { type OperatorConfig, settings } from './config.ts';
import { cellController } from './controllers/cell/controller.ts';
import { channelRingController } from './controllers/channelring/controller.ts';
import { configurationController } from './controllers/configuration/controller.ts';
import { drainController } from './controllers/drain/controller.ts';
import { grayFailureController } from './controllers/gray-failure/controller.ts';
import { practiceDrainController } from './controllers/practice-drain/controller.ts';
import { workspaceController } from './controllers/workspace/controller.ts';
import { ControlplaneFigures } from './live-figures.ts';
import { ownZone } from './own-zone.ts';
import { resourceMetrics } from './resource-metrics.ts';
import { LeaseElection } from './runtime/lease-election.ts';
import { Manager } from './runtime/manager.ts';
import { controllerMetrics, reflectorMetrics } from './runtime/metrics.ts';
import { Newest } from './runtime/newest.ts';
import { watchWorld } from './world.ts';

export { settings };

/**
 * The worker number of the operator's Snowflakes. Store leases begin at 0, and the operator has no store: the last
 * number is left to it. It mints workspace ids alone, as leader, and the Secret's creation settles a tie.
 */
const SNOWFLAKE_WORKER = 1023;
export async function run(config: OperatorConfig, log: Logger): Promise<RunningRole> {
  const { namespace } = config;
  const kubeConfig = loadKubeConfig({
    KUBECONFIG: config.kubeconfig,
    KUBERNETES_SERVICE_HOST: config.kubernetesServiceHost,
  });
  const registry = new Registry();
  const metrics = controllerMetrics(registry);
  const manager = new Manager({ kubeConfig, clock, random, log, metrics, inactivityMs: config.watchInactivityMs });
  const leadersClient = new KubeClient(kubeConfig, { timeoutMs: config.apiTimeoutMs, term: () => manager.term });
  const world = watchWorld(manager, namespace);
  reflectorMetrics(registry, () => [...manager.reflectors].map(([resource, r]) => [resource, r.stats] as const));
  resourceMetrics(registry, world);
  control(manager, { config, log, world, client: leadersClient });

  const admin = await startAdminServer({
    host: config.podIp,
    port: config.adminPort,
    registry,
    notReady: () => manager.notSynced.map((resource) => `the list of ${resource}`),
  }).catch(async (e: unknown) => {
    await manager.close();
    throw e;
  });
  const election = new LeaseElection({
    ...leaseTimes(config.leaseMs),
    client: new KubeClient(kubeConfig, { timeoutMs: Math.round(config.leaseMs / 3) }),
    namespace,
    name: OPERATOR_LEASE,
    identity: `${config.podName}_${random.hex(4)}`,
    clock,
    random,
    log,
    // What a leader in a bad zone sees and writes has to cross the very links that fail.
    isFit: () => {
      const zone = ownZone(world.pods, config.podName);
      return ![...world.cells.values()].some((c) => c.spec.zone === zone && isSuspect(c));
    },
    lead: async (signal) => {
      metrics.leader.set(1);
      await manager.lead(signal).finally(() => metrics.leader.set(0));
    },
  });
  return {
    close: async () => {
      await election.close();
      await manager.close();
      await admin.close();
    },
  };
}

/** In the proportions that client-go made common: two thirds to renew, and several tries in that. */
const leaseTimes = (leaseMs: number): { leaseMs: number; renewDeadlineMs: number; retryMs: number } => ({
  leaseMs,
  renewDeadlineMs: Math.round((leaseMs * 2) / 3),
  retryMs: Math.round((leaseMs * 2) / 15),
});

function control(
  manager: Manager,
  deps: { config: OperatorConfig; log: Logger; world: ReturnType<typeof watchWorld>; client: KubeClient },
): void {
  const { config, log, world, client } = deps;
  const nowMs = (): number => clock.wallMs();
  const recorder = (name: string): EventRecorder =>
    new EventRecorder({ client, clock, random, log, controller: `chatcells.dev/${name}`, instance: config.podName });
  const figures = new ControlplaneFigures({ pods: world.pods, clock, log });
  const snowflake = new Snowflake(clock, SNOWFLAKE_WORKER);
  const shared = { client, world, nowMs, figures, config };
  manager.control(cellController({ ...shared, events: recorder('cell') }));
  // One for both: a practice begins and ends by what the drains have come to.
  const cells = new Newest(world.cells);
  manager.control(drainController({ ...shared, cells, events: recorder('drain') }));
  const practices = new Newest(world.practices);
  manager.control(practiceDrainController({ ...shared, cells, practices, events: recorder('practice-drain') }));
  manager.control(
    grayFailureController({
      ...{ client, figures, nowMs, events: recorder('gray-failure') },
      ...{ cells: world.cells, pods: world.pods, workspaces: world.workspaces },
      policy: {
        windowBuckets: windowBucketsOf(config.grayWindowMs),
        errorRate: config.grayErrorPercent / 100,
        minRequests: config.grayMinRequests,
        disconnectsPerMinute: config.grayDisconnects,
      },
      drainGateways: config.grayDrainGateways,
      clearAfterMs: config.grayClearAfterMs,
      capacityFloor: config.grayCapacityPercent / 100,
      monotonicMs: () => clock.monotonicMs(),
    }),
  );
  manager.control(
    configurationController({
      ...{ client, figures, nowMs, cells: world.cells, events: recorder('configuration') },
      monotonicMs: () => clock.monotonicMs(),
    }),
  );
  manager.control(channelRingController({ ...shared, events: recorder('channelring') }));
  manager.control(
    workspaceController({
      ...shared,
      events: recorder('workspace'),
      nextId: () => snowflake.next(),
      randomHex: (bytes) => random.hex(bytes),
      shards: config.shards,
    }),
  );
}

/** Runs the operator with settings from `env` alone: for tests and tools. */
export function runOperator(env: Readonly<Record<string, string | undefined>>): Promise<RunningRole> {
  const log = createLogger({ role: 'operator' }, env.LOG_LEVEL ?? 'info');
  return run(parseConfig(settings, { env, args: [] }), log);
}

({ settings, run }) satisfies Role<typeof settings>;
