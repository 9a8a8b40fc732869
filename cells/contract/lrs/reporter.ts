/** Reports the counters of this process to the control plane, at the interval that it asks for. */
import { struct, type XdsNode } from '../ads/messages.ts';
import { type ReplicaOptions, ReplicaStream } from '../ads/replica-stream.ts';
import type { Timer } from '../clock.ts';
import type { LoadCounters } from './counters.ts';
import { type LoadStatsRequest, type LoadStatsResponse, LRS_SERVICE } from './messages.ts';

export interface LoadReporterOptions extends ReplicaOptions {
  node: { id: string; role: string; cell: string; zone: string };
  counters: LoadCounters;
}

/** Until the control plane has said how often. */
const DEFAULT_INTERVAL_MS = 2_000;
const MIN_INTERVAL_MS = 100;

export class LoadReporter {
  readonly #options: LoadReporterOptions;
  readonly #stream: ReplicaStream<LoadStatsRequest, LoadStatsResponse>;
  #timer: Timer;
  #intervalMs = DEFAULT_INTERVAL_MS;

  /** Starts at once. */
  constructor(options: LoadReporterOptions) {
    this.#options = options;
    const { role, cell, zone, id } = options.node;
    const node: XdsNode = { id, cluster: cell, metadata: struct({ role, cell, zone }) };
    this.#stream = new ReplicaStream<LoadStatsRequest, LoadStatsResponse>(LRS_SERVICE.StreamLoadStats, options, {
      opened: () => [{ node, cluster_stats: [] }],
      response: (response) => this.#instructed(response),
    });
    this.#timer = this.#every(DEFAULT_INTERVAL_MS);
  }

  close(): void {
    this.#timer.cancel();
    this.#stream.close();
  }

  #every(intervalMs: number): Timer {
    return this.#options.clock.every(intervalMs, () => {
      // Taken in any case: what was counted while nobody listened must not come as one burst afterwards.
      const cluster_stats = this.#options.counters.take();
      if (this.#stream.answered) this.#stream.write({ cluster_stats });
    });
  }

  #instructed({ load_reporting_interval: { seconds = 0, nanos = 0 } = {} }: LoadStatsResponse): void {
    const intervalMs = Math.max(MIN_INTERVAL_MS, seconds * 1_000 + nanos / 1e6);
    if (intervalMs === this.#intervalMs) return;
    this.#intervalMs = intervalMs;
    this.#timer.cancel();
    this.#timer = this.#every(intervalMs);
  }
}
