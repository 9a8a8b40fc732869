/**
 * Reads about single topics that are wanted close together, as after a takeover, in few queries. Two lanes, one query at
 * a time in each: what somebody waits for does not stand behind what is only loaded again. That rests after each query
 * for as long as it took, so that a store that is busy with claims and posts has at most half of its time taken by it.
 */
import { type Clock, sleep } from '../../cells/contract/clock.ts';
import type { TopicId } from '../../cells/contract/ids.ts';

const PER_QUERY = 500;
/** A query that has outwaited a store that was away says nothing of how busy it is. */
const MAX_REST_MS = 250;

interface Waiting<Q, V> {
  query: Q;
  resolve(value: V): void;
  reject(e: unknown): void;
}

interface Lane<Q, V> {
  /** In the order in which their topics came. */
  waiting: Map<TopicId, Waiting<Q, V>[]>;
  reading: boolean;
}

/** `read` answers in the order of the queries; when it rejects, all who waited for it are. */
export class BulkReader<Q extends { topic: TopicId }, V> {
  readonly #clock: Clock;
  readonly #read: (queries: readonly Q[]) => Promise<readonly V[]>;
  readonly #urgent: Lane<Q, V> = { waiting: new Map(), reading: false };
  readonly #background: Lane<Q, V> = { waiting: new Map(), reading: false };

  constructor(clock: Clock, read: (queries: readonly Q[]) => Promise<readonly V[]>) {
    this.#clock = clock;
    this.#read = read;
  }

  get(query: Q, urgent: boolean): Promise<V> {
    return new Promise((resolve, reject) =>
      this.#add(urgent ? this.#urgent : this.#background, query.topic, [{ query, resolve, reject }]),
    );
  }

  /** What waits for the topic in the background is urgent from now on. */
  hurry(topic: TopicId): void {
    const waiting = this.#background.waiting.get(topic);
    if (waiting === undefined) return;
    this.#background.waiting.delete(topic);
    this.#add(this.#urgent, topic, waiting);
  }

  #add(lane: Lane<Q, V>, topic: TopicId, more: readonly Waiting<Q, V>[]): void {
    const ofTopic = lane.waiting.get(topic);
    if (ofTopic === undefined) lane.waiting.set(topic, [...more]);
    else ofTopic.push(...more);
    if (lane.reading) return;
    lane.reading = true;
    queueMicrotask(() => void this.#readAll(lane)); // what is asked for in the same turn shares the query
  }

  async #readAll(lane: Lane<Q, V>): Promise<void> {
    while (lane.waiting.size > 0) {
      const some = take(lane.waiting);
      const began = this.#clock.monotonicMs();
      try {
        const values = await this.#read(some.map((w) => w.query));
        for (const [i, { resolve }] of some.entries()) resolve(values[i]!);
      } catch (e: unknown) {
        for (const { reject } of some) reject(e);
      }
      const tookMs = this.#clock.monotonicMs() - began;
      if (lane === this.#background) await sleep(this.#clock, Math.min(tookMs, MAX_REST_MS));
    }
    lane.reading = false;
  }
}

function take<Q, V>(waiting: Map<TopicId, Waiting<Q, V>[]>): Waiting<Q, V>[] {
  const some: Waiting<Q, V>[] = [];
  for (const [topic, ofTopic] of waiting) {
    some.push(...ofTopic.splice(0, PER_QUERY - some.length));
    if (ofTopic.length === 0) waiting.delete(topic);
    if (some.length >= PER_QUERY) break;
  }
  return some;
}
