/**
 * What became of the events sent on one link. The peer tells with its pings how many have arrived; nothing travels per
 * event. Events of which nothing was heard for a ping's interval and the time that is slow have failed, and so have those
 * that were on their way when the link was lost, unless they had only just been sent. A state machine without I/O.
 */
import type { LoadCounters, Peer, PeerLoad } from '../../cells/contract/lrs/index.ts';

export const TICK_MS = 500;
/** Pings come once a tick: what was sent within two of them may well have arrived unsaid. */
const UNSAID_TICKS = 2;

export class FanOutLoad {
  readonly #load: PeerLoad;
  #sent = 0;
  /** A gateway one version back does not tell what has arrived: then nothing is counted. */
  #told = false;
  /** Events whose outcome is in the counters. */
  #judged = 0;
  /** `#sent` at the last ticks, the newest last: what was sent before the first of them is late. */
  readonly #sentAt: number[];

  constructor(loads: LoadCounters, peer: Peer) {
    this.#load = loads.peer(peer);
    this.#sentAt = new Array<number>(Math.max(UNSAID_TICKS, 1 + Math.ceil(loads.slowMs / TICK_MS))).fill(0);
  }

  sent(): void {
    this.#sent++;
  }

  /** All that was sent up to here has arrived; the link's round trip is that of its last ping. */
  arrived(count: number, roundTripMs: number): void {
    this.#told = true;
    const news = Math.min(count, this.#sent) - this.#judged;
    if (news <= 0) return;
    this.#judged += news;
    this.#load.succeeded(news, (news * roundTripMs) / 2);
  }

  tick(): void {
    this.#fail(this.#sentAt[0]!, this.#sentAt.length);
    this.#sentAt.shift();
    this.#sentAt.push(this.#sent);
  }

  /** The link is gone. */
  end(): void {
    this.#fail(this.#sentAt.at(-UNSAID_TICKS)!, UNSAID_TICKS);
    this.#judged = this.#sent;
  }

  #fail(upTo: number, ticks: number): void {
    const late = upTo - this.#judged;
    if (late <= 0 || !this.#told) return;
    this.#judged = upTo;
    this.#load.failed(late, late * ticks * TICK_MS);
  }
}
