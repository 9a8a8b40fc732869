/**
 * Whose turn it is to ask an owner for a subscription. After a failover all of a dead owner's topics are asked for again
 * at once, a hundred thousand perhaps: a link has few such requests in flight, so that a post is not queued behind them,
 * and of a slot that nobody serves yet one topic asks until somebody does.
 */
import type { PeerLink } from './peer-link.ts';

const IN_FLIGHT = 64;

export interface Asker {
  readonly slotKey: string;
  /** It may ask now, if it still wants to, whatever pause it was making. */
  turn(): void;
}

/** First in, first out, each once. Not a Set alone: to take its first again and again walks over all that were taken. */
class Line {
  readonly #members = new Set<Asker>();
  #order: Asker[] = [];
  #head = 0;

  get empty(): boolean {
    return this.#head === this.#order.length;
  }
  add(asker: Asker): void {
    if (this.#members.has(asker)) return;
    this.#members.add(asker);
    this.#order.push(asker);
  }
  shift(): Asker | undefined {
    const asker = this.#order[this.#head];
    if (asker === undefined) return undefined;
    this.#members.delete(asker);
    this.#head++;
    if (this.#head * 2 >= this.#order.length) {
      this.#order = this.#order.slice(this.#head);
      this.#head = 0;
    }
    return asker;
  }
}

interface Window {
  inFlight: number;
  waiting: Line;
}

interface Refused {
  /** The one that asks again. */
  prober: Asker;
  parked: Set<Asker>;
}

export class SubscribeTurns {
  readonly #windows = new Map<PeerLink, Window>();
  readonly #refused = new Map<string, Refused>();

  /** Another one asks for its slot, which nobody serves: it will get its turn. */
  parks(asker: Asker): boolean {
    const refused = this.#refused.get(asker.slotKey);
    if (refused === undefined || refused.prober === asker) return false;
    refused.parked.add(asker);
    return true;
  }

  /** True: it is to ask now, and `answered` will be called. False: it will get its turn. */
  take(asker: Asker, peer: PeerLink): boolean {
    const window = this.#window(peer);
    if (window.inFlight >= IN_FLIGHT) {
      window.waiting.add(asker);
      return false;
    }
    window.inFlight++;
    return true;
  }

  /** Exactly once for each `take`, before what the answer leads to. */
  answered(peer: PeerLink): void {
    const window = this.#window(peer);
    window.inFlight--;
    while (window.inFlight < IN_FLIGHT && !window.waiting.empty) window.waiting.shift()?.turn();
    if (window.inFlight === 0 && window.waiting.empty) this.#windows.delete(peer);
  }

  /** Nobody serves the slot there. True: it is this one that is to ask again, after a pause. */
  refused(asker: Asker): boolean {
    if (!this.#refused.has(asker.slotKey)) this.#refused.set(asker.slotKey, { prober: asker, parked: new Set() });
    return !this.parks(asker);
  }

  /** Somebody serves the slot, as `by` has found, or there is news of it: all the others go on. */
  open(slotKey: string, by?: Asker): void {
    const refused = this.#refused.get(slotKey);
    if (refused === undefined) return;
    this.#refused.delete(slotKey);
    for (const asker of [refused.prober, ...refused.parked]) if (asker !== by) asker.turn();
  }

  openAll(): void {
    for (const slotKey of [...this.#refused.keys()]) this.open(slotKey);
  }

  /** The link is down: who waited for it asks elsewhere. */
  peerDown(peer: PeerLink): void {
    const window = this.#windows.get(peer);
    if (window === undefined) return;
    const { waiting } = window;
    window.waiting = new Line();
    while (!waiting.empty) waiting.shift()?.turn();
  }

  /** It wants nothing any more: a turn that comes to it passes to the next. */
  leave(asker: Asker): void {
    const refused = this.#refused.get(asker.slotKey);
    refused?.parked.delete(asker);
    if (refused?.prober === asker) this.open(asker.slotKey, asker);
  }

  #window(peer: PeerLink): Window {
    let window = this.#windows.get(peer);
    if (window === undefined) {
      window = { inFlight: 0, waiting: new Line() };
      this.#windows.set(peer, window);
    }
    return window;
  }
}
