/** Metrics of the Web API by method and status. */
import { Counter, Histogram, type Registry } from 'prom-client';

export interface HttpMetrics {
  observe(method: string, status: number, seconds: number): void;
  /** Requests answered since the start. */
  total(): number;
}

export function createHttpMetrics(registry: Registry): HttpMetrics {
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Web API requests by method and HTTP status.',
    labelNames: ['method', 'code'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'http_request_seconds',
    help: 'Time from the request to its answer.',
    labelNames: ['method'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  let total = 0;
  return {
    total: () => total,
    observe(method, status, elapsed) {
      total++;
      requests.inc({ method, code: String(status) });
      seconds.observe({ method }, elapsed);
    },
  };
}
