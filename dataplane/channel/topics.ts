/** The topics in memory, by slot. */
import type { Clock } from '../../cells/contract/clock.ts';
import type { TopicId } from '../../cells/contract/ids.ts';
import type { Head } from '../storage/store.ts';
import { Topic } from './topic.ts';
import type { TopicReads } from './topic-reads.ts';

/** A topic that nobody used or subscribed to for this long leaves memory. */
const IDLE_MS = 5 * 60_000;

export class Topics {
  readonly #reads: TopicReads;
  readonly #clock: Clock;
  readonly #topics = new Map<TopicId, Topic>();
  readonly #bySlot = new Map<number, Set<Topic>>();
  /** Heads told by the owner before, after it had stopped writing: they save the read. A wrong one meets the log's key. */
  readonly #told = new Map<TopicId, { epoch: number; head: Head }>();

  constructor(reads: TopicReads, clock: Clock) {
    this.#reads = reads;
    this.#clock = clock;
  }

  get size(): number {
    return this.#topics.size;
  }

  /** The topic at the epoch of its slot's claim, made when it is not in memory. */
  get(at: { topic: TopicId; slot: number; epoch: number }): Topic {
    let topic = this.#topics.get(at.topic);
    if (topic === undefined) {
      topic = new Topic(at, this.#reads, this.#head(at.topic, at.epoch));
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
    return told?.epoch === epoch ? Promise.resolve(told.head) : this.#reads.heads.get({ topic }, false);
  }
}
