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
/** Own clock against the store's: they may run this far apart over one lease. */
const MARGIN_MS = 5_000;

export interface IdMinterOptions {
  leases: Leases;
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

  private constructor(options: IdMinterOptions) {
    this.#options = options;
  }

  /** Rejects with `store_unavailable` when no number can be leased. */
  static async start(options: IdMinterOptions): Promise<IdMinter> {
    const minter = new IdMinter(options);
    await minter.#renew();
    minter.#timer = options.clock.every(RENEW_MS, () => void minter.#renewOrWarn());
    return minter;
  }

  /** Rejects with `service_unavailable` while no lease is held. */
  next(): bigint {
    if (this.#snowflake === undefined || this.#options.clock.monotonicMs() >= this.#validUntilMs)
      throw new ChatError('service_unavailable', { reason: 'the worker number is not leased' });
    return this.#snowflake.ids.next();
  }

  close(): void {
    this.#timer?.cancel();
    this.#validUntilMs = 0;
  }

  async #renew(): Promise<void> {
    const { clock, leases, holder } = this.#options;
    const asked = clock.monotonicMs();
    const worker = await leases.leaseWorker(holder, TTL_MS);
    if (this.#snowflake?.worker !== worker) this.#snowflake = { worker, ids: new Snowflake(clock, worker) };
    this.#validUntilMs = asked + TTL_MS - MARGIN_MS;
  }

  async #renewOrWarn(): Promise<void> {
    try {
      await this.#renew();
    } catch (err: unknown) {
      this.#options.log.warn({ err }, 'the worker number was not renewed: no ids once it runs out');
    }
  }
}
