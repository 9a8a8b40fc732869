/**
 * Whose turn it is to ask an owner for a subscription. After a failover all of a dead owner's topics are asked for again
 * at once, a hundred thousand perhaps: a link has few such requests in flight, so that a post is not queued behind them,
 * and of a slot that nobody serves yet one topic asks until somebody does.
 */
import type { PeerLink } from './peer-link.ts';

const IN_FLIGHT = 64;

export interface SlotOfRing {
  readonly ring: string;
  readonly slot: number;
}

export interface Asker extends SlotOfRing {
  /** It may ask now, if it still wants to. */
  turn(): void;
}

interface Window {
  inFlight: number;
  waiting: Set<Asker>;
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
    const refused = this.#refused.get(slotKey(asker));
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
    for (const next of window.waiting) {
      if (window.inFlight >= IN_FLIGHT) break;
      window.waiting.delete(next);
      next.turn();
    }
    if (window.inFlight === 0 && window.waiting.size === 0) this.#windows.delete(peer);
  }

  /** Nobody serves the slot there. True: it is this one that is to ask again, after a pause. */
  refused(asker: Asker): boolean {
    const key = slotKey(asker);
    const refused = this.#refused.get(key);
    if (refused === undefined) this.#refused.set(key, { prober: asker, parked: new Set() });
    return !this.parks(asker);
  }

  /** Somebody serves the slot, or there is news of it: all who were held back go on. */
  open(at: SlotOfRing): void {
    this.#open(slotKey(at));
  }

  openAll(): void {
    for (const key of [...this.#refused.keys()]) this.#open(key);
  }

  /** The link is down: who waited for it asks elsewhere. */
  peerDown(peer: PeerLink): void {
    const window = this.#windows.get(peer);
    if (window === undefined) return;
    const { waiting } = window;
    window.waiting = new Set();
    for (const asker of waiting) asker.turn();
  }

  /** It wants nothing any more. */
  leave(asker: Asker): void {
    for (const { waiting } of this.#windows.values()) waiting.delete(asker);
    const refused = this.#refused.get(slotKey(asker));
    refused?.parked.delete(asker);
    if (refused?.prober === asker) this.open(asker);
  }

  #open(key: string): void {
    const refused = this.#refused.get(key);
    if (refused === undefined) return;
    this.#refused.delete(key);
    for (const asker of refused.parked) asker.turn();
  }

  #window(peer: PeerLink): Window {
    let window = this.#windows.get(peer);
    if (window === undefined) {
      window = { inFlight: 0, waiting: new Set() };
      this.#windows.set(peer, window);
    }
    return window;
  }
}

export const slotKey = ({ ring, slot }: SlotOfRing): string => `${ring} ${slot}`;
