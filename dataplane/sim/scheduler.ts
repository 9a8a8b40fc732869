/**
 * Virtual time: a queue of events, run one after another. Time stands still while an event and all that follows from
 * it without waiting (microtasks) runs, then jumps to the next event. Since nothing in a simulation does real I/O, a
 * turn of the event loop between two events is enough to drain every microtask, and the order of everything depends
 * on the seed alone.
 */
import type { SeededRandom } from './seeded-random.ts';

/** Turns asked of the event loop at once: it settles all promises between two of them, and pays for its own round once. */
const TURNS = 64;

export interface Scheduled {
  cancel(): void;
}

interface Entry {
  at: number;
  /** Decides among events of the same time. */
  tie: number;
  order: number;
  /** Undefined once cancelled. */
  fn: (() => void) | undefined;
}

export class Scheduler {
  readonly #random: SeededRandom;
  readonly #heap: Entry[] = [];
  #now = 0;
  #orders = 0;
  #ran = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Virtual milliseconds since the start. */
  get now(): number {
    return this.#now;
  }
  /** Events run so far. */
  get ran(): number {
    return this.#ran;
  }

  /** Runs `fn` at `now + delayMs`; among events of one time the seed decides. */
  after(delayMs: number, fn: () => void): Scheduled {
    const at = this.#now + Math.max(0, delayMs);
    const entry: Entry = { at, tie: this.#random.next(), order: this.#orders++, fn };
    this.#push(entry);
    return {
      cancel: () => {
        entry.fn = undefined;
      },
    };
  }

  /** Runs events until `until` (virtual ms) or until `done` says so, checked between events. Time then stands there. */
  run(until: number, done: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      let over = false;
      const end = (settle: () => void): void => {
        over = true;
        settle();
      };
      const turn = (): void => {
        if (over) return;
        try {
          if (done() || !this.#step(until)) end(resolve);
        } catch (e: unknown) {
          end(() => reject(e as Error));
        }
      };
      const turns = (): void => {
        if (over) return;
        for (let i = 0; i < TURNS; i++) setImmediate(turn);
        setImmediate(turns);
      };
      setImmediate(turns);
    });
  }

  /** Runs the next event; false when there is none until then. */
  #step(until: number): boolean {
    let next = this.#heap[0];
    while (next !== undefined && next.fn === undefined) {
      this.#pop();
      next = this.#heap[0];
    }
    if (next === undefined || next.at > until) {
      this.#now = Math.max(this.#now, until);
      return false;
    }
    this.#pop();
    this.#now = next.at;
    this.#ran++;
    const fn = next.fn!;
    next.fn = undefined;
    fn();
    return true;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

const before = (a: Entry, b: Entry): boolean =>
  a.at !== b.at ? a.at < b.at : a.tie !== b.tie ? a.tie < b.tie : a.order < b.order;
