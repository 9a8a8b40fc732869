/** How far this replica's clock is off the store's: what its nodes report is put beside the others' by the clock. */
import type { Clock } from '../contract/clock.ts';
import type { Logger } from '../contract/process/log.ts';
import { BUCKET_SECONDS } from '../health/report.ts';

export interface ClockCheckOptions {
  store: { wallMs(): Promise<number> };
  clock: Pick<Clock, 'wallMs' | 'monotonicMs'>;
  log: Logger;
  onSkew: (skewMs: number) => void;
}

const SLOW_MS = 1_000;

export class ClockCheck {
  readonly #options: ClockCheckOptions;
  #off = false;

  constructor(options: ClockCheckOptions) {
    this.#options = options;
  }

  /** Rejects when the store does not answer. */
  async look(): Promise<void> {
    const { store, clock, log, onSkew } = this.#options;
    const startedMs = clock.monotonicMs();
    const storeMs = await store.wallMs();
    const tookMs = clock.monotonicMs() - startedMs;
    // Somewhere in between the store looked at its own: a slow one is no wrong clock.
    if (tookMs > SLOW_MS) return;
    const skewMs = Math.round(clock.wallMs() - tookMs / 2 - storeMs);
    onSkew(skewMs);
    const off = Math.abs(skewMs) > BUCKET_SECONDS * 1_000;
    if (off !== this.#off)
      log[off ? 'error' : 'info'](
        { skewMs },
        off ? 'clock too far off: what nodes report here may not count in the health verdict' : 'clock mended',
      );
    this.#off = off;
  }
}
