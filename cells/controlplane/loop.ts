/** A task repeated for as long as the process lives: never two at a time, and a failure is only the next round's delay. */
import type { Clock, Timer } from '../contract/clock.ts';

export class Loop {
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #task: () => Promise<void>;
  readonly #onFailure: (e: unknown, inARow: number) => void;
  #failures = 0;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  /** Starts at once. Rounds begin `periodMs` apart, or as soon as a longer one ends. */
  constructor(
    clock: Clock,
    periodMs: number,
    task: () => Promise<void>,
    onFailure: (e: unknown, inARow: number) => void,
  ) {
    this.#clock = clock;
    this.#periodMs = periodMs;
    this.#task = task;
    this.#onFailure = onFailure;
    this.#round();
  }

  /** Resolves when the round under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #round(): void {
    const startedAt = this.#clock.monotonicMs();
    this.#running = this.#task()
      .then(
        () => {
          this.#failures = 0;
        },
        (e: unknown) => this.#onFailure(e, ++this.#failures),
      )
      .then(() => {
        if (this.#closed) return;
        const rest = Math.max(0, this.#periodMs - (this.#clock.monotonicMs() - startedAt));
        this.#timer = this.#clock.after(rest, () => this.#round());
      });
  }
}
