/**
 * A TCP-like connection between two simulated processes: messages arrive whole and in order within it, and late or not
 * at all when the network between is cut. As with TCP, a cut alone closes nothing: what was sent waits, and a side that
 * is not told stays half-open until its own code gives up.
 */
import type { Route, SimNetwork } from './network.ts';
import type { SimProcess } from './process.ts';

export interface PipeHandlers<T> {
  message(message: T): void;
  /** Once, whichever end closed or died. */
  closed(reason: PipeEnd): void;
}

/** How a connection ended: orderly with a code (WebSocket), or not at all. */
export interface PipeEnd {
  code: number;
  reason: string;
}
const RESET: PipeEnd = { code: 1006, reason: 'connection reset' };

interface InFlight<T> {
  sentAt: number;
  bytes: number;
  deliver: { message: T } | { end: PipeEnd };
}

/** One direction's sending end, and the receiving end of the other direction. */
export class PipeSide<T> {
  readonly process: SimProcess;
  readonly #network: SimNetwork;
  readonly #peerProcess: SimProcess;
  /** The zones that messages pass through, from the own one to the peer's. */
  readonly #route: Route;
  #peer!: PipeSide<T>;
  #handlers: PipeHandlers<T> | undefined;
  /** Arrived before the handlers were set. */
  #early: InFlight<T>['deliver'][] = [];
  readonly #queue: InFlight<T>[] = [];
  #moving = false;
  #lastArrival = 0;
  #closed = false;
  #ended = false;

  private constructor(network: SimNetwork, route: Route, ends: [SimProcess, SimProcess]) {
    this.#network = network;
    this.#route = route;
    [this.process, this.#peerProcess] = ends;
    this.process.onDeath(() => this.#finish(RESET));
  }

  static pair<T>(network: SimNetwork, a: SimProcess, b: SimProcess, route: Route): [PipeSide<T>, PipeSide<T>] {
    const left = new PipeSide<T>(network, route, [a, b]);
    const right = new PipeSide<T>(network, [...route].reverse(), [b, a]);
    left.#peer = right;
    right.#peer = left;
    return [left, right];
  }

  handle(handlers: PipeHandlers<T>): void {
    this.#handlers = handlers;
    for (const item of this.#early.splice(0)) this.#take(item);
  }

  send(message: T, bytes: number): void {
    if (this.#closed) return;
    this.#push({ sentAt: this.#network.now, bytes, deliver: { message } });
  }

  /** Bytes that could not leave: the peer is stopped or cut off. */
  bufferedBytes(): number {
    const stuck = this.#network.isCut(this.#route) || this.#peerProcess.stopped;
    return stuck ? this.#queue.reduce((sum, item) => sum + item.bytes, 0) : 0;
  }

  /** Sends what was accepted, then the end. The own `closed` handler is called as well, as soon as this call is over. */
  close(end: PipeEnd): void {
    if (this.#closed) return;
    this.#finish(end);
    this.#network.soon(() => this.process.enter(() => this.#endHandlers(end)));
  }

  /** The connection breaks under both ends, each of which learns it. */
  reset(): void {
    for (const side of [this, this.#peer]) {
      if (side.#closed) continue;
      side.#closed = true;
      side.#queue.length = 0;
      this.#network.soon(() => side.process.enter(() => side.#endHandlers(RESET)));
    }
  }

  #finish(end: PipeEnd): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#push({ sentAt: this.#network.now, bytes: 0, deliver: { end } });
  }

  #push(item: InFlight<T>): void {
    this.#queue.push(item);
    if (!this.#moving) this.#move();
  }

  /** Takes the head of the queue over the network; while it is cut, tries again when the cut is healed. */
  #move(): void {
    const item = this.#queue[0];
    this.#moving = item !== undefined;
    if (item === undefined) return;
    if (this.#network.isCut(this.#route)) {
      this.#network.onHeal(() => this.#move());
      return;
    }
    const arrival = Math.max(item.sentAt + this.#network.latency(this.#route), this.#lastArrival);
    this.#network.at(arrival, () => this.#arrive(item));
  }

  #arrive(item: InFlight<T>): void {
    if (this.#queue[0] === item && !this.#network.isCut(this.#route)) this.#give(item);
    this.#move(); // also when the connection was reset or cut while the item was on its way
  }

  #give(item: InFlight<T>): void {
    this.#lastArrival = this.#network.now;
    this.#queue.shift();
    const peer = this.#peer;
    peer.process.enter(() => peer.#take(item.deliver));
    // A dead or closed peer answers with a reset.
    if (peer.#closed && 'message' in item.deliver && !this.#closed) this.#resetByPeer();
  }

  #resetByPeer(): void {
    this.#closed = true;
    this.#queue.length = 0;
    this.#network.soon(() => this.process.enter(() => this.#endHandlers(RESET)));
  }

  #take(item: InFlight<T>['deliver']): void {
    if (this.#handlers === undefined) {
      this.#early.push(item);
      return;
    }
    if ('message' in item) {
      if (!this.#closed) this.#handlers.message(item.message);
      return;
    }
    this.#closed = true;
    this.#endHandlers(item.end);
  }

  #endHandlers(end: PipeEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#network.ended(this);
    this.#handlers?.closed(end);
  }
}
