/** The gateway's row in the store: the control plane counts sockets by it. */
import type { Clock, Timer } from '../../cells/contract/clock.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import type { Heartbeat, RingStore } from '../../cells/contract/ring-store.ts';

const PERIOD_MS = 1_000;

export interface GatewayHeartbeatOptions {
  ring: Pick<RingStore, 'beat' | 'forget'>;
  row: Omit<Heartbeat, 'counter' | 'state' | 'load'>;
  clock: Clock;
  log: Logger;
  load: () => { sockets: number; topics: number };
}

export class GatewayHeartbeat {
  readonly #options: GatewayHeartbeatOptions;
  readonly #timer: Timer;
  #counter = 0;
  #state: Heartbeat['state'] = 'serving';
  #failing = false;
  /** The write in flight: one at a time, so that a slow store gets no pile of them. */
  #writing: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: GatewayHeartbeatOptions) {
    this.#options = options;
    this.#timer = options.clock.every(PERIOD_MS, () => this.#beat());
    this.#beat();
  }

  /** From now on the row says that the process is ending by plan. */
  leave(): void {
    this.#state = 'leaving';
    this.#beat();
  }

  /** Removes the row. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#timer.cancel();
    await this.#writing;
    const { ring, row, log } = this.#options;
    await ring.forget([row.incarnation]).catch((err: unknown) => log.warn({ err }, 'the heartbeat row stays behind'));
  }

  #beat(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    const { ring, row, load, log } = this.#options;
    const { sockets, topics } = load();
    try {
      await ring.beat({
        ...row,
        counter: ++this.#counter,
        state: this.#state,
        load: { sockets, slots: 0, topics, perSecond: 0 },
      });
      this.#failing = false;
    } catch (err: unknown) {
      if (!this.#failing) log.warn({ err }, 'the heartbeat was not written');
      this.#failing = true;
    }
  }
}
