/** The gateway's counts as Prometheus metrics, by the names of docs and dashboards. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../../cells/contract/clock.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';

const DELIVERY_BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const RATE_WINDOW_MS = 60_000;

export function createGatewayMetrics(
  registry: Registry,
  at: { region: string; gateway: string },
  clock: Clock,
): GatewayMetrics {
  const registers = [registry];
  const { region } = at;
  const sockets = new Gauge({
    name: 'ws_connections_active',
    help: 'Open client sessions.',
    labelNames: ['region', 'gateway_id'],
    registers,
  });
  const delivery = new Histogram({
    name: 'message_delivery_latency',
    help: "Seconds from an event's timestamp to its hand-over to the last socket here.",
    labelNames: ['region'],
    buckets: DELIVERY_BUCKETS,
    registers,
  });
  const connects = new Counter({
    name: 'ws_connects_total',
    help: 'Sessions opened: with a ticket (fresh) or a resume token (resume).',
    labelNames: ['kind'],
    registers,
  });
  const closes = new Counter({
    name: 'ws_closes_total',
    help: 'Sessions closed, by close code.',
    labelNames: ['region', 'gateway_id', 'code'],
    registers,
  });
  const slow = new Counter({
    name: 'ws_slow_consumers_total',
    help: 'Sessions cut because they read too slowly.',
    registers,
  });
  const posts = new Counter({
    name: 'posts_total',
    help: 'Posts through sockets, by outcome.',
    labelNames: ['outcome'],
    registers,
  });
  const resumes: number[] = [];
  new Gauge({
    name: 'reconnection_rate',
    help: 'Resumes a second, over the last minute.',
    labelNames: ['region'],
    registers,
    collect() {
      const since = clock.monotonicMs() - RATE_WINDOW_MS;
      const first = resumes.findIndex((ms) => ms >= since);
      resumes.splice(0, first < 0 ? resumes.length : first);
      this.set({ region }, resumes.length / (RATE_WINDOW_MS / 1000));
    },
  });
  const own = sockets.labels({ region, gateway_id: at.gateway });
  const latency = delivery.labels({ region });
  own.set(0);
  return {
    sockets: (change) => own.inc(change),
    closed: (code) => closes.inc({ region, gateway_id: at.gateway, code }),
    slowConsumer: () => slow.inc(),
    connected: (resumed) => {
      connects.inc({ kind: resumed ? 'resume' : 'fresh' });
      if (resumed) resumes.push(clock.monotonicMs());
      if (resumes.length > 100_000) resumes.splice(0, 50_000); // nobody scrapes: bounded all the same
    },
    posted: (outcome) => posts.inc({ outcome }),
    delivered: (seconds) => latency.observe(Math.max(0, seconds)),
  };
}
