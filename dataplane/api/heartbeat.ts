/** The row by which the control plane knows this process: written every second, removed at the end. */
import type { Clock, Timer } from '../../cells/contract/clock.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import type { Heartbeat, RingStore } from '../../cells/contract/ring-store.ts';

const PERIOD_MS = 1_000;

export interface HeartbeatOptions {
  ring: Pick<RingStore, 'beat' | 'forget'>;
  row: Omit<Heartbeat, 'counter' | 'state' | 'load'>;
  clock: Clock;
  log: Logger;
  /** Requests answered since the start. */
  requests: () => number;
}

export class HeartbeatWriter {
  readonly #options: HeartbeatOptions;
  #counter = 0;
  #state: Heartbeat['state'] = 'serving';
  #requests = 0;
  #timer: Timer | undefined;
  #failing = false;
  #inFlight: Promise<void> = Promise.resolve();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#beat();
  }

  /** From now on the row says that the process is ending by plan. */
  leave(): void {
    this.#state = 'leaving';
  }

  async close(): Promise<void> {
    if (this.#state === 'leaving' && this.#timer === undefined) return;
    this.#state = 'leaving';
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#inFlight;
    await this.#options.ring.forget([this.#options.row.incarnation]).catch((err: unknown) => {
      this.#options.log.warn({ err }, 'the heartbeat row stays until the ring manager removes it');
    });
  }

  #beat(): void {
    this.#timer = this.#options.clock.after(PERIOD_MS, () => this.#beat());
    this.#inFlight = this.#write();
  }

  async #write(): Promise<void> {
    const { ring, row, requests, log } = this.#options;
    const total = requests();
    const perSecond = ((total - this.#requests) * 1000) / PERIOD_MS;
    this.#requests = total;
    const load = { sockets: 0, slots: 0, topics: 0, perSecond };
    try {
      await ring.beat({ ...row, counter: ++this.#counter, state: this.#state, load });
      this.#failing = false;
    } catch (err: unknown) {
      if (!this.#failing) log.warn({ err }, 'the heartbeat was not written');
      this.#failing = true;
    }
  }
}
