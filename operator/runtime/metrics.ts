/** Metrics of controllers, under the names that controller-runtime made common. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface ControllerMetrics {
  reconciles: Counter<'controller' | 'result'>;
  errors: Counter<'controller'>;
  failing: Gauge<'controller'>;
  duration: Histogram<'controller'>;
  depth: Gauge<'controller'>;
  queueSeconds: Histogram<'controller'>;
  leader: Gauge;
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function controllerMetrics(registry: Registry): ControllerMetrics {
  const registers = [registry];
  const labelNames = ['controller'] as const;
  return {
    reconciles: new Counter({
      name: 'controller_reconcile_total',
      help: 'Reconciliations by outcome: done, requeue_after, terminal, conflict, error.',
      labelNames: ['controller', 'result'],
      registers,
    }),
    errors: new Counter({
      name: 'controller_reconcile_errors_total',
      help: 'Reconciliations that threw and are tried again.',
      labelNames,
      registers,
    }),
    failing: new Gauge({
      name: 'controller_failing_keys',
      help: 'Keys whose last reconciliation threw.',
      labelNames,
      registers,
    }),
    duration: new Histogram({
      name: 'controller_reconcile_time_seconds',
      help: 'Time of one reconciliation.',
      labelNames,
      buckets: SECONDS,
      registers,
    }),
    depth: new Gauge({ name: 'workqueue_depth', help: 'Keys that wait.', labelNames, registers }),
    queueSeconds: new Histogram({
      name: 'workqueue_queue_duration_seconds',
      help: 'Time from the adding of a key to its reconciliation.',
      labelNames,
      buckets: SECONDS,
      registers,
    }),
    leader: new Gauge({ name: 'leader_election_master_status', help: '1 while this process leads.', registers }),
  };
}

/** Gauges over the reflectors, read at each scrape. */
export function reflectorMetrics(
  registry: Registry,
  reflectors: () => Iterable<readonly [resource: string, stats: { missedEvents: number; failures: number }]>,
): void {
  const labelNames = ['resource'] as const;
  const missed = new Gauge({
    name: 'missed_events_total',
    help: 'Changes that an audit found and the watch had not brought.',
    labelNames,
    registers: [registry],
    collect: () => {
      for (const [resource, stats] of reflectors()) missed.set({ resource }, stats.missedEvents);
    },
  });
  const failures = new Gauge({
    name: 'watch_failures_total',
    help: 'Lists and watches that failed and were begun again.',
    labelNames,
    registers: [registry],
    collect: () => {
      for (const [resource, stats] of reflectors()) failures.set({ resource }, stats.failures);
    },
  });
}
