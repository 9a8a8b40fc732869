import type { Clock, Timer } from '../clock.ts';
import { ChatError } from '../errors.ts';

/** Aborts its signal when it is not armed again in time, or when `stop` is aborted. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  readonly signal: AbortSignal;
  #timer: Timer | undefined;

  constructor(clock: Clock, stop: AbortSignal) {
    this.#clock = clock;
    this.signal = AbortSignal.any([this.#abort.signal, stop]);
  }

  /** Replaces the deadline before it. */
  arm(ms: number, problem: string): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(ms, () => this.cut(problem));
  }

  /** Now. */
  cut(problem: string): void {
    this.#abort.abort(new ChatError('cluster_unreachable', { problem }));
  }

  disarm(): void {
    this.#timer?.cancel();
  }
}
