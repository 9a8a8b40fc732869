/** Carries a drain order out: sheds sessions at the pace that drain.ts decides, picked at random. */
import type { Clock, Random, Timer } from '../../cells/contract/clock.ts';
import type { ControlSource, DrainOrder } from '../../cells/contract/control.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { type DrainState, onOrder, orderFor, shedNow } from './drain.ts';
import type { GoodbyeReason } from './server-frames.ts';

const TICK_MS = 100;
/** Clients come back spread over at least this, so that a step of a drain is no small storm. */
const MIN_RECONNECT_SPREAD_MS = 250;
const MAX_RECONNECT_SPREAD_MS = 2_000;

/** What the shedder needs of a session. */
export interface Sheddable {
  readonly leaving: boolean;
  goodbye(reason: GoodbyeReason, code: number, reconnectInMs: number): void;
}

export interface ShedderOptions {
  control: Pick<ControlSource, 'drainOrder' | 'onDrainOrder'>;
  sessions: () => Iterable<Sheddable>;
  /** Name of the own Pod. */
  pod: string;
  clock: Clock;
  random: Random;
}

export class Shedder {
  readonly #options: ShedderOptions;
  readonly #unsubscribe: () => void;
  #state: DrainState | undefined;
  #timer: Timer | undefined;

  constructor(options: ShedderOptions) {
    this.#options = options;
    this.#unsubscribe = options.control.onDrainOrder((order) => this.#ordered(order));
    const present = options.control.drainOrder();
    if (present !== undefined) this.#ordered(present);
  }

  /** The order in force, if this gateway is draining. */
  get order(): DrainOrder | undefined {
    return this.#state?.order;
  }

  /** Idempotent. */
  close(): void {
    this.#unsubscribe();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Sheds `count` sessions now, picked at random. */
  shed(count: number, reason: GoodbyeReason, code: number, spreadMs: number): void {
    const { random } = this.#options;
    const staying = this.#staying();
    for (let i = 0; i < count && staying.length > 0; i++) {
      const at = Math.floor(random.next() * staying.length);
      const session = staying[at]!;
      staying[at] = staying.at(-1)!;
      staying.pop();
      session.goodbye(reason, code, Math.floor(random.next() * spreadMs));
    }
  }

  #ordered(order: DrainOrder): void {
    this.#state = onOrder(this.#state, orderFor(order, this.#options.pod), this.#now());
    if (this.#state === undefined) {
      this.#timer?.cancel();
      this.#timer = undefined;
    } else {
      this.#timer ??= this.#options.clock.every(TICK_MS, () => this.#tick());
      this.#tick();
    }
  }

  #tick(): void {
    const state = this.#state;
    if (state === undefined) return;
    const count = shedNow(state, this.#now());
    if (count === 0) return;
    const spreadMs = Math.min(MAX_RECONNECT_SPREAD_MS, Math.max(MIN_RECONNECT_SPREAD_MS, state.order.spreadMs / 2));
    this.shed(count, 'drain', CLOSE.drain, spreadMs);
  }

  #staying(): Sheddable[] {
    return [...this.#options.sessions()].filter((session) => !session.leaving);
  }

  #now(): { sockets: number; ms: number } {
    return { sockets: this.#staying().length, ms: this.#options.clock.monotonicMs() };
  }
}
