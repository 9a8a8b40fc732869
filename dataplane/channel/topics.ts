/** The topics in memory, by slot, and the reading of their heads: many at once, 500 a query. */
import { type Clock, type Random, sleep } from '../../cells/contract/clock.ts';
import type { TopicId } from '../../cells/contract/ids.ts';
import { backoffMs } from '../links/backoff.ts';
import type { Head, Store } from '../storage/store.ts';
import { Topic } from './topic.ts';

const HEADS_PER_QUERY = 500;
const RETRY_BASE_MS = 50;
const RETRY_MAX_MS = 1_000;
/** A topic that nobody used or subscribed to for this long leaves memory. */
const IDLE_MS = 5 * 60_000;

interface Wanted {
  topic: TopicId;
  resolve(head: Head): void;
}

export class Topics {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #topics = new Map<TopicId, Topic>();
  readonly #bySlot = new Map<number, Set<Topic>>();
  /** Heads told by the owner before, after it had stopped writing: they save the read. A wrong one meets the log's key. */
  readonly #told = new Map<TopicId, { epoch: number; head: Head }>();
  #wanted: Wanted[] = [];
  #reading = false;
  #closed = false;

  constructor(store: Store, clock: Clock, random: Random) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
  }

  close(): void {
    this.#closed = true;
  }

  get size(): number {
    return this.#topics.size;
  }

  /** The topic at the epoch of its slot's claim, made when it is not in memory. */
  get(at: { topic: TopicId; slot: number; epoch: number }): Topic {
    let topic = this.#topics.get(at.topic);
    if (topic === undefined) {
      topic = new Topic(at, this.#store, this.#head(at.topic, at.epoch));
      this.#topics.set(at.topic, topic);
      const ofSlot = this.#bySlot.get(at.slot) ?? new Set();
      this.#bySlot.set(at.slot, ofSlot);
      ofSlot.add(topic);
    }
    topic.lastUsedMs = this.#clock.monotonicMs();
    return topic;
  }

  find(topic: TopicId): Topic | undefined {
    return this.#topics.get(topic);
  }

  ofSlot(slot: number): readonly Topic[] {
    return [...(this.#bySlot.get(slot) ?? [])];
  }

  tell(topic: TopicId, epoch: number, head: Head): void {
    this.#told.set(topic, { epoch, head });
  }

  drop(topic: Topic): void {
    topic.dropped = true;
    if (this.#topics.get(topic.topic) === topic) this.#topics.delete(topic.topic);
    const ofSlot = this.#bySlot.get(topic.slot);
    ofSlot?.delete(topic);
    if (ofSlot?.size === 0) this.#bySlot.delete(topic.slot);
  }

  /** Drops what is idle; `busy` keeps a topic that has work. */
  sweep(busy: (topic: Topic) => boolean): void {
    this.#told.clear();
    const limit = this.#clock.monotonicMs() - IDLE_MS;
    for (const topic of [...this.#topics.values()])
      if (topic.lastUsedMs < limit && topic.subscribers.size === 0 && !busy(topic)) this.drop(topic);
  }

  #head(topic: TopicId, epoch: number): Promise<Head> {
    const told = this.#told.get(topic);
    this.#told.delete(topic);
    if (told?.epoch === epoch) return Promise.resolve(told.head);
    return new Promise((resolve) => {
      this.#wanted.push({ topic, resolve });
      // Topics that are first needed in the same turn, as after a takeover, share one query.
      if (!this.#reading) {
        this.#reading = true;
        queueMicrotask(() => void this.#readHeads());
      }
    });
  }

  /** Until the store answers: what waits for a head times out at its caller, and the claim stays. */
  async #readHeads(): Promise<void> {
    for (let failures = 0; this.#wanted.length > 0 && !this.#closed; ) {
      const some = this.#wanted.slice(0, HEADS_PER_QUERY);
      try {
        const heads = await this.#store.log.heads(some.map((w) => w.topic));
        this.#wanted.splice(0, some.length);
        for (const { topic, resolve } of some) resolve(heads.get(topic) ?? { seq: 0, ts: 0n });
        failures = 0;
      } catch {
        await sleep(this.#clock, backoffMs(failures++, RETRY_BASE_MS, RETRY_MAX_MS, this.#random));
      }
    }
    this.#reading = false;
  }
}
