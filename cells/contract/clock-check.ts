/** How far a process's clock is off the store's, by which all of them go. */
import type { Clock } from './clock.ts';
import type { Logger } from './process/log.ts';

export interface ClockCheckOptions {
  /** The store's clock, ms since the epoch. */
  storeMs(): Promise<number>;
  clock: Pick<Clock, 'wallMs' | 'monotonicMs'>;
  /** From here on the clock counts as off. */
  limitMs: number;
  /** What being off means for this process, as it is logged: `clock too far off: <consequence>`. */
  consequence: string;
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

  /** As seen last. */
  get off(): boolean {
    return this.#off;
  }

  /** Rejects when the store does not answer. */
  async look(): Promise<void> {
    const { storeMs, clock, limitMs, consequence, log, onSkew } = this.#options;
    const startedMs = clock.monotonicMs();
    const store = await storeMs();
    const tookMs = clock.monotonicMs() - startedMs;
    // Somewhere in between the store looked at its own: a slow one is no wrong clock.
    if (tookMs > SLOW_MS) return;
    const skewMs = Math.round(clock.wallMs() - tookMs / 2 - store);
    onSkew(skewMs);
    const off = Math.abs(skewMs) > limitMs;
    if (off !== this.#off)
      log[off ? 'error' : 'info']({ skewMs }, off ? `clock too far off: ${consequence}` : 'clock mended');
    this.#off = off;
  }
}
