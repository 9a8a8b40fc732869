/** When a failed key may be tried again: its own exponential back-off, and an overall budget of tries. */
import type { Clock } from '../../cells/contract/clock.ts';

export interface RateLimitOptions {
  /** First delay of a key, doubled at each failure. */
  baseMs: number;
  maxMs: number;
  /** Retries a second over all keys, and how many may come at once. */
  perSecond: number;
  burst: number;
}

export const DEFAULT_RATE_LIMIT: RateLimitOptions = { baseMs: 5, maxMs: 1_000_000, perSecond: 10, burst: 100 };

export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #clock: Clock;
  readonly #failures = new Map<string, number>();
  /** The token bucket as the time at which it is full again. */
  #fullAtMs = 0;

  constructor(clock: Clock, options: RateLimitOptions = DEFAULT_RATE_LIMIT) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Milliseconds to wait before `key` is tried again; counts one more failure of it. */
  delayMs(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const own = Math.min(this.#options.maxMs, this.#options.baseMs * 2 ** Math.min(failures, 40));
    return Math.max(own, this.#takeToken());
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Keys that failed at their last try. */
  get failing(): number {
    return this.#failures.size;
  }

  /** The key succeeded or is gone: its next failure starts from the base again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  #takeToken(): number {
    const { perSecond, burst } = this.#options;
    const now = this.#clock.monotonicMs();
    const tokenMs = 1000 / perSecond;
    this.#fullAtMs = Math.max(this.#fullAtMs, now) + tokenMs;
    return Math.max(0, this.#fullAtMs - now - burst * tokenMs);
  }
}
