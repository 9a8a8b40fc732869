/** The simulated network: latencies, cuts between zones, listeners, and links over it. */
import { ChatError } from '../../cells/contract/errors.ts';
import type { Link, LinkTransport } from '../protocol/transport.ts';
import { PipeSide } from './pipe.ts';
import type { SimProcess } from './process.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';

/** A dial into a cut network gives up after this long. */
const CONNECT_TIMEOUT_MS = 3_000;

interface Listener {
  process: SimProcess;
  onPipe: (pipe: PipeSide<Uint8Array>) => void;
}

export class SimNetwork {
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #listeners = new Map<string, Listener>();
  readonly #cuts = new Set<string>();
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
  latency(from: string, to: string): number {
    const base = from === to ? 0.2 : 1.5;
    const tail = this.#random.chance(0.02) ? this.#random.between(10, 120) : 0;
    return base * this.#random.between(0.5, 2) + tail;
  }

  /** Cuts or heals both directions between two zones (the same zone twice: inside it). */
  setCut(a: string, b: string, cut: boolean): void {
    for (const key of [`${a} ${b}`, `${b} ${a}`])
      if (cut) this.#cuts.add(key);
      else this.#cuts.delete(key);
    if (!cut) this.#wake();
  }
  healAll(): void {
    this.#cuts.clear();
    this.#wake();
  }
  isCut(a: string, b: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(`${a} ${b}`);
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
  pair<T>(process: SimProcess, peer: SimProcess): [PipeSide<T>, PipeSide<T>] {
    const sides = PipeSide.pair<T>(this, process, peer);
    this.#open.add(sides[0]);
    return sides;
  }

  transport(process: SimProcess): LinkTransport {
    return {
      listen: (address, onLink) => this.#listen(process, address, onLink),
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
    onLink: (link: Link) => void,
  ): Promise<{ address: string; close(): Promise<void> }> {
    const listener: Listener = { process, onPipe: (pipe) => onLink(linkOver(pipe, 'accepted')) };
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
      const there = listener?.process.zone ?? process.zone;
      if (this.isCut(process.zone, there)) return refuse(CONNECT_TIMEOUT_MS);
      const trip = this.latency(process.zone, there);
      if (listener === undefined) return refuse(2 * trip);
      this.#scheduler.after(trip, () => {
        if (this.#listeners.get(address) !== listener) return refuse(trip);
        if (this.isCut(process.zone, there)) return refuse(CONNECT_TIMEOUT_MS);
        this.#accept(process, listener, address, resolve);
      });
    });
  }

  /** As with TCP, the dialling end is connected whether or not the listener's code has taken the link yet. */
  #accept(process: SimProcess, listener: Listener, address: string, resolve: (link: Link) => void): void {
    const [near, far] = this.pair<Uint8Array>(process, listener.process);
    listener.process.enter(() => listener.onPipe(far));
    this.#scheduler.after(this.latency(listener.process.zone, process.zone), () =>
      process.enter(() => resolve(linkOver(near, address))),
    );
  }
}

function linkOver(pipe: PipeSide<Uint8Array>, peer: string): Link {
  return {
    peer,
    // A copy: the sender may reuse its buffer, and both ends live in one heap.
    send: (frame) => pipe.send(Buffer.from(frame), frame.byteLength),
    bufferedBytes: () => pipe.bufferedBytes(),
    handle: (handlers) =>
      pipe.handle({ message: (frame) => handlers.frame(frame), closed: ({ reason }) => handlers.closed(reason) }),
    close: () => pipe.close({ code: 1000, reason: 'closed' }),
  };
}
