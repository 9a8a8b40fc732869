/** The simulated network: latencies, cuts and bad lines between zones, listeners, and links over it. */
import { ChatError } from '../../cells/contract/errors.ts';
import type { Link, LinkTransport } from '../protocol/transport.ts';
import { PipeSide } from './pipe.ts';
import type { SimProcess } from './process.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';

/** A dial into a cut network gives up after this long. */
export const CONNECT_TIMEOUT_MS = 3_000;
/** What TCP waits before it sends a lost segment again. */
const RESEND_MS = { min: 200, max: 900 };

/** The zones that something passes through, in order: two, or three through an edge. */
export type Route = readonly string[];

/** A line that is bad both ways: `slowness` times as late, and losing a share of what is sent. */
export interface BadLine {
  slowness: number;
  loss: number;
}

/** Sees each frame as a process hands it to its kernel, before anything can happen to it. */
export type OnFrame = (process: SimProcess, frame: Uint8Array) => void;

interface Listener {
  process: SimProcess;
  onPipe: (pipe: PipeSide<Uint8Array>) => void;
}

export class SimNetwork {
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #listeners = new Map<string, Listener>();
  /** `from to`, one way. */
  readonly #cuts = new Set<string>();
  readonly #bad = new Map<string, BadLine>();
  #waiting: (() => void)[] = [];
  /** The dialling ends of open links, for faults. */
  readonly #open = new Set<unknown>();

  constructor(scheduler: Scheduler, random: SeededRandom) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  get now(): number {
    return this.#scheduler.now;
  }
  at(time: number, fn: () => void): void {
    this.#scheduler.after(time - this.#scheduler.now, fn);
  }
  soon(fn: () => void): void {
    this.#scheduler.after(0, fn);
  }

  /** One way, in ms: mostly short, now and then long enough to overtake and be overtaken on other links. */
  latency(route: Route): number {
    let ms = 0;
    for (let i = 1; i < route.length; i++) ms += this.#hop(route[i - 1]!, route[i]!);
    return ms;
  }

  #hop(from: string, to: string): number {
    const base = from === to ? 0.2 : 1.5;
    const tail = this.#random.chance(0.02) ? this.#random.between(10, 120) : 0;
    const ms = base * this.#random.between(0.5, 2) + tail;
    const bad = this.#bad.size === 0 ? undefined : this.#bad.get(lineOf(from, to));
    if (bad === undefined) return ms;
    const resent = this.#random.chance(bad.loss) ? this.#random.between(RESEND_MS.min, RESEND_MS.max) : 0;
    return ms * bad.slowness + resent;
  }

  /** Cuts or heals the way from one zone to another (the same zone twice: inside it). */
  setCutOneWay(from: string, to: string, cut: boolean): void {
    if (cut) this.#cuts.add(`${from} ${to}`);
    else if (this.#cuts.delete(`${from} ${to}`)) this.#wake();
  }
  setCut(a: string, b: string, cut: boolean): void {
    this.setCutOneWay(a, b, cut);
    this.setCutOneWay(b, a, cut);
  }
  /** `undefined`: good again. */
  setBad(a: string, b: string, line: BadLine | undefined): void {
    if (line === undefined) this.#bad.delete(lineOf(a, b));
    else this.#bad.set(lineOf(a, b), line);
  }
  healAll(): void {
    this.#cuts.clear();
    this.#bad.clear();
    this.#wake();
  }
  isCut(route: Route): boolean {
    if (this.#cuts.size === 0) return false;
    for (let i = 1; i < route.length; i++) if (this.#cuts.has(`${route[i - 1]} ${route[i]}`)) return true;
    return false;
  }
  /** Nothing can be agreed on over a route that is cut either way. */
  isCutEitherWay(route: Route): boolean {
    return this.#cuts.size > 0 && (this.isCut(route) || this.isCut([...route].reverse()));
  }
  /** Runs `fn` after the next heal, whichever it is. */
  onHeal(fn: () => void): void {
    this.#waiting.push(fn);
  }

  /** Breaks one open link, chosen by chance. */
  resetOneLink(): void {
    if (this.#open.size > 0) this.#random.pick([...this.#open] as PipeSide<unknown>[]).reset();
  }
  ended(side: unknown): void {
    this.#open.delete(side);
  }

  /** A connection from `process` to `peer` that is open at once; its two ends. */
  pair<T>(process: SimProcess, peer: SimProcess, route: Route = [process.zone, peer.zone]): [PipeSide<T>, PipeSide<T>] {
    const sides = PipeSide.pair<T>(this, process, peer, route);
    this.#open.add(sides[0]);
    return sides;
  }

  /** `onFrame` sees what the process sends over links that it accepted. */
  transport(process: SimProcess, onFrame?: OnFrame): LinkTransport {
    return {
      listen: (address, onLink) =>
        this.#listen(process, address, (pipe) => onLink(linkOver(pipe, 'accepted', onFrame))),
      connect: (address) => this.#connect(process, address),
    };
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const fn of waiting) this.#scheduler.after(this.#random.between(0, 50), fn);
  }

  #listen(
    process: SimProcess,
    address: string,
    onPipe: Listener['onPipe'],
  ): Promise<{ address: string; close(): Promise<void> }> {
    const listener: Listener = { process, onPipe };
    this.#listeners.set(address, listener);
    const remove = (): void => {
      if (this.#listeners.get(address) === listener) this.#listeners.delete(address);
    };
    process.onDeath(remove);
    return Promise.resolve({ address, close: async () => remove() });
  }

  #connect(process: SimProcess, address: string): Promise<Link> {
    return new Promise((resolve, reject) => {
      const refuse = (delay: number): void => {
        this.#scheduler.after(delay, () => process.enter(() => reject(new ChatError('link_lost', { address }))));
      };
      const listener = this.#listeners.get(address);
      const route = [process.zone, listener?.process.zone ?? process.zone];
      if (this.isCutEitherWay(route)) return refuse(CONNECT_TIMEOUT_MS);
      const trip = this.latency(route);
      if (listener === undefined) return refuse(2 * trip);
      this.#scheduler.after(trip, () => {
        if (this.#listeners.get(address) !== listener) return refuse(trip);
        if (this.isCutEitherWay(route)) return refuse(CONNECT_TIMEOUT_MS);
        this.#accept(process, listener, address, resolve);
      });
    });
  }

  /** As with TCP, the dialling end is connected whether or not the listener's code has taken the link yet. */
  #accept(process: SimProcess, listener: Listener, address: string, resolve: (link: Link) => void): void {
    const [near, far] = this.pair<Uint8Array>(process, listener.process);
    listener.process.enter(() => listener.onPipe(far));
    this.#scheduler.after(this.latency([listener.process.zone, process.zone]), () =>
      process.enter(() => resolve(linkOver(near, address))),
    );
  }
}

const lineOf = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`);

function linkOver(pipe: PipeSide<Uint8Array>, peer: string, onFrame?: OnFrame): Link {
  return {
    peer,
    send: (frame) => {
      onFrame?.(pipe.process, frame);
      // A copy: the sender may reuse its buffer, and both ends live in one heap.
      pipe.send(Buffer.from(frame), frame.byteLength);
    },
    bufferedBytes: () => pipe.bufferedBytes(),
    handle: (handlers) =>
      pipe.handle({ message: (frame) => handlers.frame(frame), closed: ({ reason }) => handlers.closed(reason) }),
    close: () => pipe.close({ code: 1000, reason: 'closed' }),
  };
}
