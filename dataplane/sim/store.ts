/**
 * The store as a simulated process sees it: the real SQLite store behind a network with latency, timeouts whose
 * outcome is unknown (committed or not, as the seed wills), and outages.
 */
import { ChatError } from '../../cells/contract/errors.ts';
import type { RingTable } from '../../cells/contract/ring-table.ts';
import { appendStatements } from '../storage/append-statements.ts';
import { storeOver } from '../storage/open.ts';
import type { Fence, LogEntry, Store } from '../storage/store.ts';
import { type SimProcess, wallAt } from './process.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';
import { VirtualDatabase } from './virtual-database.ts';

/** A store that does not answer is given up after this long. */
const TIMEOUT_MS = 2_000;
/** Whose second argument says how long the call may take instead. */
const TAKES_WITHIN: ReadonlySet<string | symbol> = new Set(['beat', 'heartbeats']);

/** Sees every claim, append and table that committed, in the order of the store. */
export interface StoreObserver {
  claimed(owner: string, fences: readonly Fence[], held: ReadonlySet<number>): void;
  appended(owner: string, entries: readonly LogEntry[]): void;
  tableCommitted(by: string, table: RingTable): void;
}

export class SimStore {
  /** The store itself, without network and faults: for setting up and for the verdict. */
  readonly real: Store;
  readonly #db: VirtualDatabase;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #observer: StoreObserver;
  readonly #cutZones = new Set<string>();
  #down = false;
  /** Share of calls of which one way is lost. */
  lossRate = 0;
  /** How many times as long a call takes: up to half a second each way it is slow, beyond that it is as good as dead. */
  slowness = 1;

  private constructor(scheduler: Scheduler, random: SeededRandom, observer: StoreObserver) {
    this.#db = new VirtualDatabase(() => wallAt(scheduler.now));
    this.real = storeOver(this.#db, this.#db);
    this.#scheduler = scheduler;
    this.#random = random;
    this.#observer = observer;
  }

  static async open(scheduler: Scheduler, random: SeededRandom, observer: StoreObserver): Promise<SimStore> {
    const store = new SimStore(scheduler, random, observer);
    await store.real.migrate();
    return store;
  }

  setDown(down: boolean): void {
    this.#down = down;
  }
  setCut(zone: string, cut: boolean): void {
    if (cut) this.#cutZones.add(zone);
    else this.#cutZones.delete(zone);
  }
  healAll(): void {
    this.#down = false;
    this.#cutZones.clear();
    this.lossRate = 0;
    this.slowness = 1;
  }

  /** Commits a table on behalf of somebody outside of every process. */
  async commitTable(by: string, table: RingTable): Promise<void> {
    if (await this.real.ring.compareAndSetTable(table)) this.#observer.tableCommitted(by, table);
  }
  isReachableFrom(zone: string): boolean {
    return !this.#down && !this.#cutZones.has(zone);
  }

  /** The store as `process` reaches it. */
  for(process: SimProcess): Store {
    const { ring, log, directory, leases } = this.real;
    return {
      ring: this.#remote(process, {
        ...bound(ring),
        compareAndSetTable: async (table) => {
          const done = await ring.compareAndSetTable(table);
          if (done) this.#observer.tableCommitted(process.name, table);
          return done;
        },
        changeTable: async (known, change) => {
          const changed = await ring.changeTable(known, change);
          if (changed !== undefined) this.#observer.tableCommitted(process.name, changed.table);
          return changed;
        },
      }),
      log: this.#remote(process, {
        ...bound(log),
        claim: async (owner, fences) => {
          const held = await log.claim(owner, fences);
          this.#observer.claimed(owner, fences, held);
          return held;
        },
        append: async (owner, fences, entries) => {
          if (fences.length > 0) await log.append(owner, fences, entries);
          else await this.#appendUnfenced(entries);
          this.#observer.appended(owner, entries);
        },
      }),
      directory: this.#remote(process, directory),
      leases: this.#remote(process, leases),
      migrate: () => this.real.migrate(),
      wallMs: (withinMs) => this.#call(process, async () => wallAt(this.#scheduler.now), withinMs),
      close: async () => {},
    };
  }

  /**
   * What a store without fences would do: the same transaction, all of it or nothing, and nobody asks who owns the
   * slot. Written row by row it would lose halves of batches, and that loss would be this file's bug, not the plant's.
   */
  async #appendUnfenced(entries: readonly LogEntry[]): Promise<void> {
    await this.#db.write(appendStatements(this.#db.dialect, entries));
  }

  #remote<T extends object>(process: SimProcess, part: T): T {
    return new Proxy(part, {
      get: (target, key) => {
        const method = Reflect.get(target, key) as (...args: unknown[]) => Promise<unknown>;
        if (typeof method !== 'function') return method;
        return (...args: unknown[]) => {
          const withinMs = TAKES_WITHIN.has(key) ? (args[1] as number | undefined) : undefined;
          return this.#call(process, () => method.apply(target, args), withinMs);
        };
      },
    });
  }

  /** There, done, and back; each leg may fail. What was sent is done even when its sender dies meanwhile. */
  #call<T>(process: SimProcess, operation: () => Promise<T>, timeoutMs = TIMEOUT_MS): Promise<T> {
    const unreachable = (): boolean => !this.isReachableFrom(process.zone);
    return new Promise((resolve, reject) => {
      const sentAt = this.#scheduler.now;
      const fail = (): void => {
        const delay = Math.max(0, sentAt + timeoutMs * this.#random.between(0.1, 1) - this.#scheduler.now);
        this.#scheduler.after(delay, () => process.enter(() => reject(new ChatError('store_unavailable'))));
      };
      const answer = (settle: () => void): void => {
        const back = this.#latency();
        const late = this.#scheduler.now + back - sentAt > timeoutMs;
        if (late || unreachable() || this.#random.chance(this.lossRate)) fail();
        else this.#scheduler.after(back, () => process.enter(settle));
      };
      const there = this.#latency();
      if (there > timeoutMs) fail(); // and done all the same, when nobody waits for it any more
      this.#scheduler.after(there, () => {
        if (unreachable() || this.#random.chance(this.lossRate)) return fail();
        operation().then(
          (value) => answer(() => resolve(value)),
          (error: unknown) => answer(() => reject(error as Error)),
        );
      });
    });
  }

  #latency(): number {
    const tail = this.#random.chance(0.03) ? this.#random.between(5, 150) : 0;
    return this.#random.between(0.3, 2) * this.slowness + tail;
  }
}

/** The methods of a class instance as own properties, so that some can be replaced. */
function bound<T extends object>(instance: T): T {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(instance)).filter((name) => name !== 'constructor');
  return Object.fromEntries(
    names.map((name) => [name, (Reflect.get(instance, name) as () => unknown).bind(instance)]),
  ) as T;
}
