/** The subscriptions of this process: at most one a topic. */
import type { Clock } from '../../cells/contract/clock.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import type { TopicId, UserId } from '../../cells/contract/ids.ts';
import { slotOf } from '../../cells/contract/slot.ts';
import { bodyOf, type Header } from '../protocol/frames.ts';
import type { Actor } from '../protocol/operations.ts';
import type { TopicListener, TopicSubscriptions } from '../protocol/owner-client.ts';
import type { PeerLink } from './peer-link.ts';
import { SubscribeTurns } from './subscribe-turns.ts';
import { Subscription } from './subscription.ts';
import type { Routing } from './topic-queue.ts';

const ADD_TIMEOUT_MS = 10_000;

export interface SubscriptionsOptions {
  clock: Clock;
  routing: Routing;
  listener: TopicListener;
  /** The highest epoch heard of for a slot. */
  epoch(ring: string, slot: number): number;
  /** Called with every ring before it is used. */
  useRing(ring: string): void;
}

export class Subscriptions implements TopicSubscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #topics = new Map<TopicId, Subscription>();
  readonly #bySlot = new Map<string, Set<Subscription>>();
  readonly #turns = new SubscribeTurns();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  add(ring: string, topic: TopicId, actor: Actor): Promise<{ head: number }> {
    const user = actor.user;
    if (user === undefined)
      return Promise.reject(new ChatError('invalid_arguments', { argument: 'actor', problem: 'has no user' }));
    this.#options.useRing(ring);
    const subscription = this.#subscription(ring, topic);
    return new Promise((resolve, reject) => {
      const waiter = {
        resolve: (head: number): void => {
          timer.cancel();
          resolve({ head });
        },
        reject: (error: ChatError): void => {
          timer.cancel();
          reject(error);
          this.#dropIfEmpty(subscription);
        },
      };
      const timer = this.#options.clock.after(ADD_TIMEOUT_MS, () => {
        subscription.giveUp(user, waiter);
        waiter.reject(new ChatError('deadline_exceeded', { ms: ADD_TIMEOUT_MS }));
      });
      subscription.add(user, actor, waiter);
    });
  }

  remove(topic: TopicId, user: UserId): void {
    const subscription = this.#topics.get(topic);
    if (subscription === undefined) return;
    subscription.remove(user, new ChatError('channel_not_found'));
    this.#dropIfEmpty(subscription);
  }

  event(header: Header, frame: Uint8Array): void {
    if (header.topic === undefined) return;
    const subscription = this.#topics.get(header.topic);
    subscription?.event(header, frame, this.#options.epoch(subscription.ring, subscription.slot));
    if (subscription !== undefined) this.#dropIfEmpty(subscription);
  }

  transient(header: Header, frame: Uint8Array): void {
    if (header.topic === undefined || !this.#topics.has(header.topic)) return;
    this.#options.listener.transient(header.topic, Buffer.from(bodyOf(frame)));
  }

  /** There is news of who serves these slots. */
  reroute(ring: string, slots: Iterable<number>): void {
    for (const slot of slots) {
      const key = slotKey(ring, slot);
      for (const subscription of [...(this.#bySlot.get(key) ?? [])]) subscription.reroute();
      this.#turns.open(key);
    }
  }

  /** A link came up: any slot may be served there. */
  rerouteAll(): void {
    for (const subscription of [...this.#topics.values()]) subscription.reroute();
    this.#turns.openAll();
  }

  peerDown(peer: PeerLink): void {
    for (const subscription of [...this.#topics.values()]) subscription.peerDown(peer);
    this.#turns.peerDown(peer);
  }

  close(error: ChatError): void {
    for (const subscription of [...this.#topics.values()]) subscription.close(error);
    this.#topics.clear();
    this.#bySlot.clear();
  }

  #subscription(ring: string, topic: TopicId): Subscription {
    let subscription = this.#topics.get(topic);
    if (subscription === undefined) {
      const slot = slotOf(topic);
      const at = { ring, topic, slot, slotKey: slotKey(ring, slot) };
      subscription = new Subscription(at, this.#options.routing, this.#turns, {
        event: (event) => this.#options.listener.event(event),
        transient: (id, json) => this.#options.listener.transient(id, json),
        denied: (id, user) => {
          this.#options.listener.denied(id, user);
          const denied = this.#topics.get(id);
          if (denied !== undefined) this.#dropIfEmpty(denied);
        },
      });
      this.#topics.set(topic, subscription);
      const ofSlot = this.#bySlot.get(at.slotKey) ?? new Set();
      this.#bySlot.set(at.slotKey, ofSlot.add(subscription));
    }
    return subscription;
  }

  #dropIfEmpty(subscription: Subscription): void {
    if (!subscription.empty || this.#topics.get(subscription.topic) !== subscription) return;
    this.#topics.delete(subscription.topic);
    const ofSlot = this.#bySlot.get(subscription.slotKey);
    ofSlot?.delete(subscription);
    if (ofSlot?.size === 0) this.#bySlot.delete(subscription.slotKey);
    subscription.close(new ChatError('channel_not_found'));
  }
}

const slotKey = (ring: string, slot: number): string => `${ring} ${slot}`;
