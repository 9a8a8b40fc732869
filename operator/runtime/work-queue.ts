/**
 * Keys to be worked on. A key is queued once however often it is added, never worked on by two at a time, and queued
 * again after its work when it was added meanwhile. A delayed add is brought forward by an earlier one.
 */
import type { Clock, Timer } from '../../cells/contract/clock.ts';

export class WorkQueue {
  readonly #clock: Clock;
  /** Waiting keys in order, with the monotonic time of their adding. */
  readonly #ready = new Map<string, number>();
  readonly #working = new Set<string>();
  /** Added while being worked on. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { timer: Timer; dueMs: number }>();
  readonly #takers: ((item: { key: string; waitedMs: number } | undefined) => void)[] = [];
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get depth(): number {
    return this.#ready.size;
  }

  get idle(): boolean {
    return this.#ready.size === 0 && this.#working.size === 0;
  }

  add(key: string): void {
    if (this.#closed) return;
    this.#cancelDelayed(key);
    if (this.#working.has(key)) {
      this.#again.add(key);
      return;
    }
    if (!this.#ready.has(key)) this.#ready.set(key, this.#clock.monotonicMs());
    this.#hand();
  }

  /** The earliest time asked for counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const dueMs = this.#clock.monotonicMs() + delayMs;
    const known = this.#delayed.get(key);
    if (known && known.dueMs <= dueMs) return;
    known?.timer.cancel();
    const timer = this.#clock.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { timer, dueMs });
  }

  /** The next key, when there is one; undefined when the queue is closed. Call `done` for each. */
  take(): Promise<{ key: string; waitedMs: number } | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
      this.#hand();
    });
  }

  done(key: string): void {
    this.#working.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#ready.clear();
    this.#again.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #cancelDelayed(key: string): void {
    this.#delayed.get(key)?.timer.cancel();
    this.#delayed.delete(key);
  }

  #hand(): void {
    while (this.#takers.length > 0) {
      const next = this.#ready.entries().next().value;
      if (next === undefined) return;
      const [key, addedMs] = next;
      this.#ready.delete(key);
      this.#working.add(key);
      this.#takers.shift()!({ key, waitedMs: this.#clock.monotonicMs() - addedMs });
    }
  }
}
