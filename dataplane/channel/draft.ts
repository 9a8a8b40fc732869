/**
 * A topic as it will be after the events decided so far of one batch: the state below it is changed only when the
 * batch has committed, so a batch that fails is simply dropped and decided again.
 */
import { formatTs, type TopicId, type UserId, type WorkspaceId } from '../../cells/contract/ids.ts';
import type { Trace } from '../protocol/frames.ts';
import type { Posted } from '../protocol/operations.ts';
import type { ChannelRow, EventType, Head, LogEntry, Projection } from '../storage/store.ts';
import type { At } from './events.ts';

/** The committed state that a draft starts from. */
export interface TopicFacts {
  readonly topic: TopicId;
  readonly epoch: number;
  readonly head: Head;
  readonly channel: ChannelRow | undefined;
  /** Undefined when it has not been looked up. */
  isMember(user: UserId): boolean | undefined;
  postedBefore(user: UserId, clientKey: string): Posted | undefined;
}

export interface DraftEvent {
  entry: LogEntry;
  trace: Trace | undefined;
}

export interface NewEvent {
  type: EventType;
  user: UserId | undefined;
  clientKey?: string;
  trace: Trace | undefined;
  build(at: At): { payload: string; projection: Projection };
}

export class Draft {
  readonly topic: TopicId;
  readonly events: DraftEvent[] = [];
  channel: ChannelRow | undefined;
  readonly #facts: TopicFacts;
  readonly #nowMicros: bigint;
  readonly #members = new Map<UserId, boolean>();
  readonly #posted = new Map<string, Posted>();
  #head: Head;

  constructor(facts: TopicFacts, nowMicros: bigint) {
    this.#facts = facts;
    this.#nowMicros = nowMicros;
    this.#head = facts.head;
    this.topic = facts.topic;
    this.channel = facts.channel;
  }

  isMember(user: UserId): boolean {
    return this.#members.get(user) ?? this.#facts.isMember(user) ?? false;
  }

  posted(user: UserId, clientKey: string): Posted | undefined {
    const found = this.#posted.get(postedKey(user, clientKey)) ?? this.#facts.postedBefore(user, clientKey);
    return found && { ...found, duplicate: true };
  }

  /** Numbers the event: the next seq, and a ts above every earlier one whatever the clock says. */
  add(workspace: WorkspaceId, event: NewEvent): Posted {
    const seq = this.#head.seq + 1;
    const ts = this.#nowMicros > this.#head.ts ? this.#nowMicros : this.#head.ts + 1n;
    this.#head = { seq, ts };
    const { payload, projection } = event.build({ topic: this.topic, workspace, seq, ts });
    const { type, user, clientKey, trace } = event;
    const entry = {
      topic: this.topic,
      workspace,
      seq,
      epoch: this.#facts.epoch,
      ts,
      type,
      user,
      clientKey,
      payload,
      projection,
    };
    this.events.push({ entry, trace });
    const posted = { seq, ts: formatTs(ts), duplicate: false };
    if (user !== undefined && clientKey !== undefined) this.#posted.set(postedKey(user, clientKey), posted);
    if (projection.kind === 'member') this.#members.set(projection.user, projection.member);
    if (projection.kind === 'channel') this.channel = projection.channel;
    return posted;
  }
}

export const postedKey = (user: UserId, clientKey: string): string => `${user} ${clientKey}`;
