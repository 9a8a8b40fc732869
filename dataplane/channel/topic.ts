/** One topic in its owner's memory: what is committed, who is subscribed, what is queued. Lives as long as the claim. */
import type { TopicId, UserId, WorkspaceId } from '../../cells/contract/ids.ts';
import { kindOf } from '../../cells/contract/ids.ts';
import type { Posted } from '../protocol/operations.ts';
import type { ChannelRow, Head } from '../storage/store.ts';
import { postedKey, type TopicFacts } from './draft.ts';
import type { Subscriber } from './fan-out.ts';
import { Members } from './members.ts';
import { RecentEvents } from './recent-events.ts';
import type { TopicReads } from './topic-reads.ts';

/** Results kept by client key; an older retry finds its first result in the store, by the index. */
const KEYS_KEPT = 128;

export class Topic implements TopicFacts {
  readonly topic: TopicId;
  readonly slot: number;
  readonly epoch: number;
  readonly members: Members;
  readonly recent = new RecentEvents();
  readonly subscribers = new Set<Subscriber>();
  head: Head = { seq: 0, ts: 0n };
  channel: ChannelRow | undefined;
  /** The workspace of a user's topic, once checked. */
  home: WorkspaceId | undefined;
  /** Resolves when the head is known; never rejects. */
  readonly loaded: Promise<void>;
  isLoaded = false;
  /** The claim is gone: nothing more is decided or answered from this memory. */
  dropped = false;
  lastUsedMs = 0;
  readonly #reads: TopicReads;
  /** Somebody waits for what is read of it. */
  #urgent = false;
  readonly #posted = new Map<string, Posted>();

  constructor(at: { topic: TopicId; slot: number; epoch: number }, reads: TopicReads, loadHead: Promise<Head>) {
    this.topic = at.topic;
    this.slot = at.slot;
    this.epoch = at.epoch;
    this.#reads = reads;
    this.members = new Members((user) => reads.members.get({ topic: at.topic, user }, this.#urgent));
    this.loaded = loadHead.then((head) => {
      if (head.seq > this.head.seq) this.head = head;
      this.isLoaded = true;
    });
    if (kindOf(at.topic) === 'T') this.home = at.topic as WorkspaceId;
  }

  get isChannel(): boolean {
    const kind = kindOf(this.topic);
    return kind !== 'U' && kind !== 'T';
  }

  /** What is read of it from now on, and what is wanted already, does not wait behind topics that nobody waits for. */
  hurry(): void {
    if (this.#urgent) return;
    this.#urgent = true;
    this.#reads.hurry(this.topic);
  }

  /** How far its log has been projected. Rejects with `store_unavailable`. */
  projectedSeq(): Promise<number> {
    return this.#reads.projected.get({ topic: this.topic }, this.#urgent);
  }

  isMember(user: UserId): boolean | undefined {
    return this.members.get(user);
  }

  postedBefore(user: UserId, clientKey: string): Posted | undefined {
    return this.#posted.get(postedKey(user, clientKey));
  }

  remember(user: UserId, clientKey: string, posted: Posted): void {
    const oldest = this.#posted.size >= KEYS_KEPT ? this.#posted.keys().next() : undefined;
    if (oldest !== undefined && !oldest.done) this.#posted.delete(oldest.value);
    this.#posted.set(postedKey(user, clientKey), posted);
  }

  /** The channel's row, if it is of this workspace. One of another workspace is as good as none. */
  async channelOf(workspace: WorkspaceId): Promise<ChannelRow | undefined> {
    if (this.channel === undefined) {
      const row = await this.#reads.channels.get({ topic: this.topic }, this.#urgent);
      this.channel ??= row; // it may have been created meanwhile
    }
    return this.channel?.workspace === workspace ? this.channel : undefined;
  }

  /** The workspace of a user's topic, if the user is of the actor's. */
  async homeFor(workspace: WorkspaceId): Promise<WorkspaceId | undefined> {
    if (this.home === undefined) {
      const isHome = await this.#reads.homes.get({ topic: this.topic as UserId, workspace }, this.#urgent);
      if (isHome) this.home = workspace;
    }
    return this.home;
  }
}
