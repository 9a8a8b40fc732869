/** What comes in, put in order: one cursor a topic, gaps filled from the history, duplicates dropped. */
import { ChatError } from '../../cells/contract/errors.ts';
import { isChannelId } from '../../cells/contract/ids.ts';
import type { Plants } from '../protocol/plants.ts';
import { type Gap, GapFill, type HistoryMessage, type ReadHistory } from './gap-fill.ts';
import { type HistoryRecord, payloadHash } from './history/index.ts';
import type { OutgoingPost, PostResult } from './outbox.ts';
import { TopicCursor } from './topic-cursor.ts';

/** An event as in docs/client-protocol.md. Durable ones have `seq`. */
export interface ClientEvent {
  type: string;
  /** The log that `seq` counts in; undefined for transient events. */
  topic?: string;
  seq?: number;
  /** The event's fields as they came; for an own post, made from its ack. */
  fields: Record<string, unknown>;
  /** `own`: this client's own post, by its ack. `filled`: read from the history, as it reads now. */
  source: 'live' | 'own' | 'filled';
}

export interface FeedStats {
  delivered: number;
  /** Events that came again and were dropped. */
  rawDuplicates: number;
  /** Gaps that the server announced, those that the client found itself, and those that a new session left behind. */
  gaps: number;
}

export interface FeedHandlers {
  event(event: ClientEvent): void;
  /** conversations.history. */
  history: ReadHistory;
  /** Something is missing that the present session will not bring: resume. */
  behind(reason: string): void;
  record?(record: HistoryRecord): void;
  plants: Plants;
}

/** The server did not send what is next, nor said that it would not: it should never happen. */
export const LEFT_OUT = 'left something out';

interface Item {
  event: ClientEvent;
  text: string | undefined;
  post: OutgoingPost | undefined;
}
type Frame = Record<string, unknown>;

export class Feed {
  readonly stats: FeedStats = { delivered: 0, rawDuplicates: 0, gaps: 0 };
  readonly #handlers: FeedHandlers;
  readonly #cursors = new Map<string, TopicCursor<Item>>();
  readonly #gapFill: GapFill;
  #self: string | undefined;
  #generation = 0;

  constructor(handlers: FeedHandlers) {
    this.#handlers = handlers;
    this.#gapFill = new GapFill(handlers.history);
  }

  get self(): string | undefined {
    return this.#self;
  }
  /** How many boots there were. */
  get generation(): number {
    return this.#generation;
  }

  positions(): Map<string, number> {
    return new Map([...this.#cursors].map(([topic, cursor]) => [topic, cursor.last]));
  }
  /** Topics with their last seqs, as `resume` sends them. */
  *resumable(): Iterable<[string, number]> {
    for (const [topic, cursor] of this.#cursors) if (!cursor.ended) yield [topic, cursor.last];
  }

  /**
   * The state of a new session: topics start at its heads. Where an earlier session had not come to the head of a
   * channel, the messages between are read from the history.
   */
  boot(frame: Frame): void {
    const fresh = ++this.#generation > 1;
    this.#gapFill.reset();
    this.#self = String((frame.self as { id?: unknown }).id);
    const heads = new Map<string, number>(Object.entries((frame.topics ?? {}) as Record<string, number>));
    for (const channel of (frame.channels ?? []) as { id: string; seq: number }[]) heads.set(channel.id, channel.seq);
    for (const topic of this.#cursors.keys()) if (!heads.has(topic)) this.#left(topic);
    for (const [topic, seq] of heads) {
      const cursor = this.#cursors.get(topic);
      if (cursor !== undefined && !cursor.ended && cursor.last < seq && isChannelId(topic))
        this.#fill({ channel: topic, after: cursor.last, upTo: seq }, cursor);
      else {
        this.#cursors.set(topic, new TopicCursor(seq));
        this.#handlers.record?.({ kind: 'subscribed', topic, seq, ...(fresh ? { fresh } : {}) });
      }
    }
    this.#transient(frame);
  }

  /** What was held or being read comes again: resuming starts at what the application has. */
  disconnected(): void {
    this.#gapFill.reset();
    for (const [topic, cursor] of this.#cursors)
      for (const { post, event } of cursor.dropHeld())
        if (post !== undefined) this.#recordAck(topic, post, event.fields as unknown as PostResult, 'http');
  }

  /** Any frame that is not of the session itself. */
  frame(frame: Frame, text: string): void {
    const topic = frame.topic ?? frame.channel;
    if (typeof frame.seq === 'number' && typeof topic === 'string') this.#offer(topic, frame.seq, frame, text);
    else {
      if (frame.type === 'gap' && typeof topic === 'string') this.#gap(topic, frame);
      if (frame.type === 'channel_left' && typeof topic === 'string') this.#left(topic);
      this.#transient(frame);
    }
  }

  /** The ack of an own post is its delivery. */
  ownPost(post: OutgoingPost, { ts, seq }: PostResult): void {
    const { channel, text, clientMsgId: client_msg_id } = post;
    const fields = { type: 'message', channel, user: this.#self, text, ts, seq, client_msg_id };
    const event: ClientEvent = { type: 'message', topic: channel, seq, fields, source: 'own' };
    const known = this.#cursors.get(channel);
    // Without a place in the topic the ack tells of the post, but is not its delivery: the event is still to come. So
    // it is after the end of a membership: a new one begins with its own event, not with what we posted in it.
    const cursor = known?.ended ? undefined : known;
    const due = cursor?.offer(seq, { event, text: undefined, post });
    if (due !== undefined) this.#deliver(channel, due);
    // Its event has come and waits for what is before it: that will be the delivery.
    else this.#recordAck(channel, post, { ts, seq }, cursor !== undefined && seq <= cursor.last ? 'socket' : 'http');
    if (cursor?.behind) this.#behind();
  }

  /** `http` stands for any ack that is not the delivery of its seq. */
  #recordAck(topic: string, post: OutgoingPost, { ts, seq }: PostResult, via: 'socket' | 'http'): void {
    this.#handlers.record?.({ kind: 'ack', topic, client_msg_id: post.clientMsgId, ts, seq, via });
  }

  #offer(topic: string, seq: number, fields: Frame, text: string): void {
    let cursor = this.#cursors.get(topic);
    if (cursor === undefined) {
      // A channel that was joined: the server begins with the join itself.
      cursor = new TopicCursor(seq - 1);
      this.#cursors.set(topic, cursor);
      this.#handlers.record?.({ kind: 'subscribed', topic, seq: seq - 1 });
    }
    const event: ClientEvent = { type: String(fields.type), topic, seq, fields, source: 'live' };
    const due = cursor.offer(seq, { event, text, post: undefined });
    if (due === undefined) {
      this.stats.rawDuplicates++;
      this.#handlers.record?.({ kind: 'duplicate', topic, seq });
    } else this.#deliver(topic, due);
    if (cursor.behind) this.#behind();
  }

  #behind(): void {
    this.stats.gaps++;
    this.#handlers.behind(LEFT_OUT);
  }

  #deliver(topic: string, items: readonly Item[]): void {
    for (const { event, text, post } of items) {
      this.stats.delivered++;
      this.#record(topic, event, text, post);
      const { type, user } = event.fields;
      if (type === 'member_left_channel' && user === this.#self) this.#cursors.get(topic)?.end();
      this.#handlers.event(event);
    }
  }

  #record(topic: string, event: ClientEvent, text: string | undefined, post: OutgoingPost | undefined): void {
    const { record } = this.#handlers;
    if (record === undefined) return;
    const seq = event.seq ?? 0;
    const ts = String(event.fields.event_ts ?? event.fields.ts ?? '');
    if (post !== undefined) {
      this.#recordAck(topic, post, { ts, seq }, 'socket');
      return;
    }
    const { client_msg_id } = event.fields;
    record({
      kind: 'event',
      topic,
      seq,
      ts,
      type: event.type,
      ...(typeof client_msg_id === 'string' ? { client_msg_id } : {}),
      ...(text === undefined ? { filled: true } : { hash: payloadHash(text) }),
    });
  }

  #left(topic: string): void {
    this.#cursors.delete(topic);
    this.#handlers.record?.({ kind: 'left', topic });
  }

  #transient(fields: Frame): void {
    this.#handlers.event({ type: String(fields.type), fields, source: 'live' });
  }

  /** Too much was missed to be replayed. Only channels have a history: of other topics the application is told. */
  #gap(topic: string, frame: Frame): void {
    const [after, upTo] = [Number(frame.oldest_seq), Number(frame.latest_seq)];
    let cursor = this.#cursors.get(topic);
    if (cursor === undefined) {
      cursor = new TopicCursor(after);
      this.#cursors.set(topic, cursor);
      this.#handlers.record?.({ kind: 'subscribed', topic, seq: after });
    }
    const bound = (ts: unknown): string | undefined => (typeof ts === 'string' && ts !== '' ? ts : undefined);
    const gap = { channel: topic, after: Math.max(after, cursor.last), upTo };
    if (isChannelId(topic)) this.#fill({ ...gap, oldest: bound(frame.oldest), latest: bound(frame.latest) }, cursor);
    else {
      this.stats.gaps++;
      this.#filled(gap, cursor, []);
    }
  }

  /** What comes meanwhile waits for the messages that are read. */
  #fill(gap: Gap, cursor: TopicCursor<Item>): void {
    this.stats.gaps++;
    if (this.#handlers.plants.has('gap-not-filled')) {
      this.#filled(gap, cursor, []);
      return;
    }
    cursor.fill();
    const stillWanted = (): boolean => this.#cursors.get(gap.channel) === cursor;
    this.#gapFill.read(
      gap,
      (messages) => {
        if (stillWanted()) this.#filled(gap, cursor, messages);
      },
      (e) => {
        if (!stillWanted()) return;
        // Until the gap is filled the topic stays where it is: the next session finds the gap again.
        if (ChatError.from(e).retryable) this.#handlers.behind('history unavailable');
        else this.#filled(gap, cursor, []);
      },
    );
  }

  #filled({ channel, upTo }: Gap, cursor: TopicCursor<Item>, messages: readonly HistoryMessage[]): void {
    for (const fields of messages) {
      const { seq } = fields;
      const event: ClientEvent = { type: String(fields.type), topic: channel, seq, fields, source: 'filled' };
      // Undefined where an own post holds the place: its ack came meanwhile.
      cursor.offer(seq, { event, text: undefined, post: undefined });
    }
    let reached = cursor.last;
    // The history has no joins, edits or deleted messages: what it leaves out is not owed any more.
    const passTo = (seq: number): void => {
      if (seq > reached) this.#handlers.record?.({ kind: 'subscribed', topic: channel, seq, fresh: true });
    };
    for (const item of cursor.skipTo(upTo)) {
      const seq = item.event.seq ?? 0;
      passTo(Math.min(seq - 1, upTo));
      reached = seq;
      this.#deliver(channel, [item]);
    }
    passTo(upTo);
    if (cursor.behind) this.#behind();
  }
}
