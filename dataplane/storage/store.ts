/**
 * The store behind one interface; SQLite and MySQL are its engines, and one conformance suite runs on both.
 * Every table and key carries the workspace. Ids are their public text here and BIGINT in the tables. Any method
 * rejects with ChatError `store_unavailable` when the store cannot be reached.
 */

import type { TopicId, UserId, WorkspaceId } from '../../cells/contract/ids.ts';
import type { RingStore } from '../../cells/contract/ring-store.ts';

export interface Store {
  readonly ring: RingStore;
  readonly log: ChannelLog;
  readonly directory: Directory;
  readonly leases: Leases;
  /** Brings the schema to this version; forward only; safe to run from several processes at once. */
  migrate(): Promise<{ from: number; to: number }>;
  /** The store's wall clock in milliseconds: also the readiness probe. `withinMs` as for RingStore.beat. */
  wallMs(withinMs?: number): Promise<number>;
  close(): Promise<void>;
}

/** A slot that `owner` (an incarnation) holds at `epoch`. */
export interface Fence {
  ring: string;
  slot: number;
  epoch: number;
}

export type EventType =
  | 'message'
  | 'message_changed'
  | 'message_deleted'
  | 'member_joined_channel'
  | 'member_left_channel'
  | 'channel_created'
  | 'channel_joined'
  | 'channel_left'
  | 'channel_rename'
  | 'team_join'
  | 'user_change';

/** What an event changes beside the log, in the same transaction. */
export type Projection =
  | { kind: 'none' }
  | { kind: 'message'; ts: bigint }
  /** `payload` becomes the message's current text; the original log row stays. */
  | { kind: 'edit'; ts: bigint; payload: string }
  /** Overwrites the payload of the original log row with `tombstone`, so that no replay revives the text. */
  | { kind: 'delete'; ts: bigint; tombstone: string }
  | { kind: 'channel'; channel: ChannelRow }
  | { kind: 'member'; user: UserId; member: boolean };

export interface ChannelRow {
  id: TopicId;
  workspace: WorkspaceId;
  name: string;
  /** A DM or group DM is private too. */
  isPrivate: boolean;
  isArchived: boolean;
  creator: UserId;
  /** Unix seconds. */
  created: number;
}

/** One durable event. `payload` is the JSON text that clients receive, byte for byte. */
export interface LogEntry {
  topic: TopicId;
  workspace: WorkspaceId;
  seq: number;
  epoch: number;
  /** Microseconds; strictly increasing per topic. */
  ts: bigint;
  type: EventType;
  /** The acting user; undefined for the system. */
  user: UserId | undefined;
  /** Idempotency key, unique per (topic, user); kept by tombstones. */
  clientKey: string | undefined;
  payload: string;
  projection: Projection;
}
export type StoredEvent = Omit<LogEntry, 'projection'>;

export interface Head {
  seq: number;
  ts: bigint;
}

/** A message as it reads now: with its last edit; deleted ones are left out of histories. */
export interface MessageRow {
  topic: TopicId;
  seq: number;
  ts: bigint;
  user: UserId;
  clientKey: string | undefined;
  payload: string;
}

export interface ChannelLog {
  /**
   * Takes the slots for `owner` where the stored epoch is lower (or already the same epoch and owner). Returns the
   * slots that are now held. Waits for transactions in flight of the old owner; none of it can commit afterwards.
   */
  claim(owner: string, fences: readonly Fence[]): Promise<Set<number>>;
  /** The last row of each topic's log, `{seq: 0, ts: 0n}` where there is none. 500 topics a query. */
  heads(topics: readonly TopicId[]): Promise<Map<TopicId, Head>>;
  /** The stored events of these idempotency keys, in the order asked; undefined where there is none. */
  findByClientKey(
    keys: readonly { topic: TopicId; user: UserId; clientKey: string }[],
  ): Promise<(StoredEvent | undefined)[]>;
  /**
   * One explicit transaction: reads the fences FOR SHARE and finds `owner` at each epoch, else rejects with `fenced`
   * (details.slots) and nothing is written; inserts the rows, applies the projections, commits. Rejects with
   * `store_conflict` when a (topic, seq) or an idempotency key exists: read again before numbering again. After
   * `store_unavailable` the outcome is unknown: read the rows back.
   */
  append(owner: string, fences: readonly Fence[], entries: readonly LogEntry[]): Promise<void>;
  /** Events with seq > `afterSeq` in order, at most `limit`. */
  read(topic: TopicId, afterSeq: number, limit: number): Promise<StoredEvent[]>;
  /** The workspace's messages of a channel, newest first, by ts. Bounds in microseconds. */
  history(
    workspace: WorkspaceId,
    topic: TopicId,
    query: { oldest?: bigint; latest?: bigint; inclusive: boolean; limit: number },
  ): Promise<MessageRow[]>;
  message(workspace: WorkspaceId, topic: TopicId, ts: bigint): Promise<MessageRow | undefined>;
  channel(workspace: WorkspaceId, topic: TopicId): Promise<ChannelRow | undefined>;
  /** Those that exist, of whatever workspace. 500 topics a query. */
  channels(topics: readonly TopicId[]): Promise<Map<TopicId, ChannelRow>>;
  /** channel_to_users: lives with the channel, changed only through its log. Ordered by user id; `after` excluded. */
  members(topic: TopicId, page: { after?: UserId; limit: number }): Promise<UserId[]>;
  /** Whether each user is a member of its channel now, in the order asked. */
  areMembers(pairs: readonly { topic: TopicId; user: UserId }[]): Promise<boolean[]>;
  /**
   * The whole outbox position of each topic: events up to it have been projected to other topics and workspaces.
   * Missing: 0. 500 topics a query.
   */
  projectedSeqs(topics: readonly TopicId[]): Promise<Map<TopicId, number>>;
  setProjectedSeq(topic: TopicId, seq: number): Promise<void>;
}

export interface UserRow {
  id: UserId;
  workspace: WorkspaceId;
  name: string;
  email: string | undefined;
  roles: string[];
  deleted: boolean;
}

export interface Membership {
  channel: ChannelRow;
  /** Seq of the membership event that this row stands at. */
  seq: number;
}

/** What lives with the workspace. Projections are versioned by seq: a lower one never overwrites a higher. */
export interface Directory {
  /**
   * Inserts the user, or returns the one that is there; `created` tells which. Undefined when the id is a user of
   * another workspace: it belongs to the one that had it first.
   */
  provisionUser(user: UserRow): Promise<{ user: UserRow; created: boolean } | undefined>;
  users(workspace: WorkspaceId, ids: readonly UserId[]): Promise<Map<UserId, UserRow>>;
  listUsers(workspace: WorkspaceId, page: { after?: UserId; limit: number }): Promise<UserRow[]>;
  /** Reserves the name; returns the channel that holds it, which is `channel` when it was free (or held by it already). */
  reserveName(workspace: WorkspaceId, name: string, channel: TopicId): Promise<TopicId>;
  /** As reserveName, for the DM of these users (order and repeats do not matter). */
  reserveDm(workspace: WorkspaceId, users: readonly UserId[], channel: TopicId): Promise<TopicId>;
  /** user_to_channels: upsert at `seq`; a lower seq than stored changes nothing. */
  applyMembership(user: UserId, channel: ChannelRow, member: boolean, seq: number): Promise<void>;
  /** The channel list of the workspace, upserted by seq. */
  applyChannel(channel: ChannelRow, seq: number): Promise<void>;
  memberships(workspace: WorkspaceId, user: UserId): Promise<Membership[]>;
  /** Public channels of the workspace, ordered by id. */
  listChannels(workspace: WorkspaceId, page: { after?: TopicId; limit: number }): Promise<ChannelRow[]>;
}

export interface Leases {
  /** Leases a free Snowflake worker number (0–1023) to `holder` for `ttlMs` of the store's time; renew with the same holder. */
  leaseWorker(holder: string, ttlMs: number): Promise<number>;
  releaseWorker(holder: string): Promise<void>;
  /** True for the first caller with this ticket id, false for any later one. Kept until `expiresMs`. */
  redeemTicket(workspace: WorkspaceId, ticketId: string, expiresMs: number): Promise<boolean>;
  /** Revokes resume tokens of the user issued before `issuedBeforeMs`. */
  revokeSessions(workspace: WorkspaceId, user: UserId, issuedBeforeMs: number): Promise<void>;
  /** Resume tokens of the user issued before this are void; 0 when none was revoked. */
  sessionsRevokedBefore(workspace: WorkspaceId, user: UserId): Promise<number>;
}
