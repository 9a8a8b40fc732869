/**
 * What each slot costs its owner, so that the ring manager can even it out: events stored and copies of them sent.
 * Counting is one addition an event; everything else happens once a window.
 */
import type { Clock, Timer } from '../../cells/contract/clock.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import type { RingStore } from '../../cells/contract/ring-store.ts';
import { SLOTS } from '../../cells/contract/slot.ts';

/** Slots named in a report: more than one round of the ring manager moves. */
const HOTTEST = 64;
const WINDOW_MS = 10_000;

export class SlotLoad {
  /** Of the window under way. */
  readonly #work = new Uint32Array(SLOTS);
  /** A second, each window weighing half of what was before. */
  readonly #rates = new Float64Array(SLOTS);
  #perSecond = 0;

  /** A second, over all slots, as of the last window. */
  get perSecond(): number {
    return this.#perSecond;
  }

  count(slot: number, work: number): void {
    this.#work[slot]! += work;
  }

  /** The slot is another's now. */
  forget(slot: number): void {
    this.#work[slot] = 0;
    this.#rates[slot] = 0;
  }

  /** Ends a window of so many seconds. */
  endWindow(seconds: number): { perSecond: number; hottest: [slot: number, perSecond: number][] } {
    const busy: number[] = [];
    this.#perSecond = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const now = this.#work[slot]! / seconds;
      const before = this.#rates[slot]!;
      if (now === 0 && before === 0) continue;
      // A slot that is new here starts with what it does, not with half of it.
      const rate = before === 0 ? now : (before + now) / 2;
      this.#work[slot] = 0;
      this.#rates[slot] = rate < 0.01 ? 0 : rate;
      this.#perSecond += rate;
      busy.push(slot);
    }
    busy.sort((a, b) => this.#rates[b]! - this.#rates[a]! || a - b);
    const hottest = busy.slice(0, HOTTEST).map((slot): [number, number] => [slot, round(this.#rates[slot]!)]);
    return { perSecond: round(this.#perSecond), hottest };
  }
}

const round = (n: number): number => Math.round(n * 100) / 100;

export interface SlotLoadReporterOptions {
  load: SlotLoad;
  store: Pick<RingStore, 'reportLoad'>;
  incarnation: string;
  ring: string;
  clock: Clock;
  log: Logger;
}

/** Writes the report at the end of each window. One that cannot be written is only a report less. */
export class SlotLoadReporter {
  readonly #o: SlotLoadReporterOptions;
  readonly #timer: Timer;
  #counter = 0;
  #since: number;

  constructor(options: SlotLoadReporterOptions) {
    this.#o = options;
    this.#since = options.clock.monotonicMs();
    this.#timer = options.clock.every(WINDOW_MS, () => this.#report());
  }

  close(): void {
    this.#timer.cancel();
  }

  #report(): void {
    const { load, store, incarnation, ring, clock, log } = this.#o;
    const now = clock.monotonicMs();
    const window = load.endWindow(Math.max(0.001, (now - this.#since) / 1_000));
    this.#since = now;
    store
      .reportLoad({ incarnation, ring, counter: ++this.#counter, ...window })
      .catch((err: unknown) => log.debug({ err }, 'load not reported'));
  }
}
