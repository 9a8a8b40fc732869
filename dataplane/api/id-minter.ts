/**
 * Snowflakes under a worker number leased in the store. A lease that could not be renewed in time stops the minting
 * before the store may give the number to another. The number is not given back at the end: by running out instead it
 * is not used again before every clock in the installation has passed the last id made with it.
 */
import type { Clock, Timer } from '../../cells/contract/clock.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import { Snowflake } from '../../cells/contract/ids.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import type { Leases } from '../storage/store.ts';

const TTL_MS = 60_000;
const RENEW_MS = TTL_MS / 4;
const RETRY_MS = 1_000;
/** Own clock against the store's: they may run this far apart over one lease. */
const MARGIN_MS = 5_000;

export interface IdMinterOptions {
  leases: Pick<Leases, 'leaseWorker'>;
  /** The process's incarnation. */
  holder: string;
  clock: Clock;
  log: Logger;
}

export class IdMinter {
  readonly #options: IdMinterOptions;
  #snowflake: { worker: number; ids: Snowflake } | undefined;
  #validUntilMs = 0;
  #timer: Timer | undefined;
  #closed = false;

  /** Asks for a number at once, and again until there is one. */
  constructor(options: IdMinterOptions) {
    this.#options = options;
    void this.#renew();
  }

  /** Whether a lease is held now. */
  get ready(): boolean {
    return this.#snowflake !== undefined && this.#options.clock.monotonicMs() < this.#validUntilMs;
  }

  /** Rejects with `service_unavailable` while no lease is held. */
  next(): bigint {
    if (this.#snowflake === undefined || !this.ready) throw new ChatError('service_unavailable');
    return this.#snowflake.ids.next();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#validUntilMs = 0;
  }

  async #renew(): Promise<void> {
    const { clock, leases, holder, log } = this.#options;
    const asked = clock.monotonicMs();
    let nextMs = RENEW_MS;
    try {
      const worker = await leases.leaseWorker(holder, TTL_MS);
      if (this.#snowflake?.worker !== worker) this.#snowflake = { worker, ids: new Snowflake(clock, worker) };
      if (!this.#closed) this.#validUntilMs = asked + TTL_MS - MARGIN_MS;
    } catch (err: unknown) {
      log.warn({ err }, 'the worker number was not leased: no ids once it runs out');
      nextMs = RETRY_MS;
    }
    if (!this.#closed) this.#timer = clock.after(nextMs, () => void this.#renew());
  }
}
