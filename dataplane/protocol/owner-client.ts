/** How gateways and API servers reach the owners of topics. `dataplane/links` implements it over any LinkTransport. */
import type { TopicId, UserId } from '../../cells/contract/ids.ts';
import type { Trace } from './frames.ts';
import type { Actor, Operation, Operations } from './operations.ts';

export interface Call<O extends Operation> {
  ring: string;
  topic: TopicId;
  op: O;
  args: Operations[O]['args'];
  actor: Actor;
  trace?: Trace;
  /** Default 10 s: long enough for a failover. */
  timeoutMs?: number;
}

export interface OwnerClient {
  /**
   * Sends to the slot's owner; follows MOVED and OWNED, waits out a failover, and retries on another link until the
   * timeout: all operations are idempotent by their key or by nature. Rejects with a ChatError.
   */
  call<O extends Operation>(call: Call<O>): Promise<Operations[O]['result']>;
  /** Fire and forget; dropped when there is no link. */
  typing(call: Omit<Call<'typing'>, 'op' | 'args'>): void;
  readonly subscriptions: TopicSubscriptions;
  close(): Promise<void>;
}

/** One durable event as it came: `json` is the body, shared by all who receive it. */
export interface TopicEvent {
  topic: TopicId;
  seq: number;
  epoch: number;
  json: Buffer;
  /** Set when the event changes a membership. */
  member?: { user: UserId; joined: boolean };
  trace: Trace | undefined;
}

export interface TopicListener {
  /** In seq order without a gap, across failovers and moves. Must not throw. */
  event(event: TopicEvent): void;
  transient(topic: TopicId, json: Buffer): void;
  /** After a resubscription the owner no longer lets this user have the topic. */
  denied(topic: TopicId, user: UserId): void;
}

/** One subscription a topic and process, however many users share it. */
export interface TopicSubscriptions {
  /**
   * Authorises `actor.user` at the owner and joins (or starts) the topic's subscription. Resolves with the head: every
   * event after it will reach the listener, none at or below it. Rejects with `channel_not_found` when denied.
   */
  add(ring: string, topic: TopicId, actor: Actor): Promise<{ head: number }>;
  /** The user's last socket here is gone, or it was kicked. The last user ends the subscription. */
  remove(topic: TopicId, user: UserId): void;
}
