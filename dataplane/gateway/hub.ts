/**
 * Topic → the sessions of this gateway that get it. One subscription at the owner for each topic, however many
 * sessions; one frame for each event, however many sockets.
 */
import type { Clock } from '../../cells/contract/clock.ts';
import { hasCode } from '../../cells/contract/errors.ts';
import { kindOf, type TopicId, type UserId } from '../../cells/contract/ids.ts';
import type { Actor } from '../protocol/operations.ts';
import type { TopicEvent, TopicListener, TopicSubscriptions } from '../protocol/owner-client.ts';
import type { Plants } from '../protocol/plants.ts';
import type { Tracer } from '../tracing/tracing.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';
import { LiveEvent } from './live-event.ts';
import { OutFrame } from './out-frame.ts';

/** One session's interest in one topic. */
export interface Subscriber {
  readonly user: UserId;
  event(event: LiveEvent): void;
  /** A transient event: may be dropped. */
  transient(frame: OutFrame): void;
  /** The owner no longer lets the user have the topic. */
  denied(topic: TopicId): void;
}

interface TopicEntry {
  subscribers: Set<Subscriber>;
  /** How many of them are a user's. */
  users: Map<UserId, number>;
}

export interface HubOptions {
  subscriptions: TopicSubscriptions;
  clock: Clock;
  metrics: GatewayMetrics;
  tracer: Tracer;
  plants: Plants;
}

export class Hub implements TopicListener {
  readonly #options: HubOptions;
  readonly #topics = new Map<TopicId, TopicEntry>();

  constructor(options: HubOptions) {
    this.#options = options;
  }

  get topicCount(): number {
    return this.#topics.size;
  }

  /**
   * From now on the subscriber gets the topic's events; those that come before the promise resolves may lie at or
   * below `head`, and are to be dropped. Undefined, and the subscriber is out again, when the owner denies the user.
   */
  async subscribe(ring: string, topic: TopicId, actor: Actor, subscriber: Subscriber): Promise<number | undefined> {
    this.#enter(topic, subscriber);
    try {
      const { head } = await this.#options.subscriptions.add(ring, topic, actor);
      // The user's last session may have gone meanwhile: then nobody else ends the subscription.
      if (!this.#topics.get(topic)?.users.has(subscriber.user))
        this.#options.subscriptions.remove(topic, subscriber.user);
      return head;
    } catch (e: unknown) {
      const denied = hasCode(e, 'channel_not_found') || hasCode(e, 'not_in_channel');
      if (denied && this.#options.plants.has('denial-forgotten')) return 0;
      this.unsubscribe(topic, subscriber);
      if (denied) return undefined;
      throw e;
    }
  }

  /** Idempotent. */
  unsubscribe(topic: TopicId, subscriber: Subscriber): void {
    const entry = this.#topics.get(topic);
    if (!entry?.subscribers.delete(subscriber)) return;
    const left = (entry.users.get(subscriber.user) ?? 1) - 1;
    if (left > 0) entry.users.set(subscriber.user, left);
    else {
      entry.users.delete(subscriber.user);
      this.#options.subscriptions.remove(topic, subscriber.user);
    }
    if (entry.subscribers.size === 0) this.#topics.delete(topic);
  }

  event(event: TopicEvent): void {
    const entry = this.#topics.get(event.topic);
    if (entry === undefined) return;
    const { tracer, metrics, clock } = this.#options;
    const live = new LiveEvent(event);
    const span = tracer.records(event.trace)
      ? tracer.startSpan('gateway.fan_out', event.trace, {
          topic: event.topic,
          seq: event.seq,
          sockets: entry.subscribers.size,
        })
      : undefined;
    for (const subscriber of entry.subscribers) subscriber.event(live);
    span?.end();
    const { atMs } = live;
    if (atMs !== undefined && kindOf(event.topic) !== 'U') metrics.delivered((clock.wallMs() - atMs) / 1000);
  }

  transient(topic: TopicId, json: Buffer): void {
    const entry = this.#topics.get(topic);
    if (entry === undefined) return;
    const frame = new OutFrame(json);
    const from = (JSON.parse(json.toString()) as { user?: unknown }).user;
    for (const subscriber of entry.subscribers) if (subscriber.user !== from) subscriber.transient(frame);
  }

  denied(topic: TopicId, user: UserId): void {
    for (const subscriber of this.#topics.get(topic)?.subscribers ?? [])
      if (subscriber.user === user) subscriber.denied(topic);
  }

  #enter(topic: TopicId, subscriber: Subscriber): void {
    let entry = this.#topics.get(topic);
    if (entry === undefined) {
      entry = { subscribers: new Set(), users: new Map() };
      this.#topics.set(topic, entry);
    }
    entry.subscribers.add(subscriber);
    entry.users.set(subscriber.user, (entry.users.get(subscriber.user) ?? 0) + 1);
  }
}
