/** What comes in, put in order: one cursor a topic, gaps filled from the history, duplicates dropped. */
import { type HistoryRecord, payloadHash } from './history/index.ts';
import type { OutgoingPost, PostResult } from './outbox.ts';
import { TopicCursor } from './topic-cursor.ts';
import type { WebApiResult } from './web-api.ts';

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
  /** Gaps that the server announced, and those that the client found itself. */
  gaps: number;
}

export interface FeedHandlers {
  event(event: ClientEvent): void;
  /** conversations.history. */
  history(args: Record<string, unknown>): Promise<WebApiResult>;
  /** Something is missing that nobody announced: resume. */
  behind(): void;
  record?(record: HistoryRecord): void;
}

const HISTORY_PAGE = 500;

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
  #self: string | undefined;
  #generation = 0;

  constructor(handlers: FeedHandlers) {
    this.#handlers = handlers;
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

  /** The state of a new session: the topics start at its heads. */
  boot(frame: Frame): void {
    const fresh = ++this.#generation > 1;
    this.#self = String((frame.self as { id?: unknown }).id);
    const heads = new Map<string, number>(Object.entries((frame.topics ?? {}) as Record<string, number>));
    for (const channel of (frame.channels ?? []) as { id: string; seq: number }[]) heads.set(channel.id, channel.seq);
    for (const topic of this.#cursors.keys()) if (!heads.has(topic)) this.#left(topic);
    for (const [topic, seq] of heads) {
      this.#cursors.set(topic, new TopicCursor(seq));
      this.#handlers.record?.({ kind: 'subscribed', topic, seq, ...(fresh ? { fresh } : {}) });
    }
    this.#transient(frame);
  }

  /** What was held comes again after the resume. */
  disconnected(): void {
    for (const cursor of this.#cursors.values()) cursor.dropHeld();
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
    const cursor = this.#cursors.get(channel);
    const due = cursor?.offer(seq, { event, text: undefined, post });
    if (due === undefined)
      this.#handlers.record?.({ kind: 'ack', topic: channel, client_msg_id, ts, seq, via: 'socket' });
    else this.#deliver(channel, due);
    if (cursor?.behind) this.#behind();
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
    this.#handlers.behind();
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
      record({ kind: 'ack', topic, client_msg_id: post.clientMsgId, ts, seq, via: 'socket' });
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

  /** Too much was missed to be replayed: the messages are read from the history, and what came since waits for them. */
  #gap(topic: string, frame: Frame): void {
    this.stats.gaps++;
    const cursor = this.#cursors.get(topic) ?? new TopicCursor<Item>(Number(frame.oldest_seq));
    this.#cursors.set(topic, cursor);
    cursor.fill();
    this.#readGap(topic, frame, cursor).then(
      (messages) => {
        if (this.#cursors.get(topic) === cursor) this.#fill(topic, cursor, messages, Number(frame.latest_seq));
      },
      // Tried again until the Web API gave up: the next resume announces the gap again.
      () => this.#handlers.behind(),
    );
  }

  async #readGap(topic: string, frame: Frame, cursor: TopicCursor<Item>): Promise<Frame[]> {
    const messages: Frame[] = [];
    for (let next: unknown; ; ) {
      const page = await this.#handlers.history({
        channel: topic,
        oldest: frame.oldest,
        ...(frame.latest === '' ? {} : { latest: frame.latest, inclusive: true }),
        limit: HISTORY_PAGE,
        ...(next === undefined ? {} : { cursor: next }),
      });
      messages.push(...(page.messages as Frame[]));
      next = (page.response_metadata as { next_cursor?: string } | undefined)?.next_cursor;
      if (page.has_more !== true || typeof next !== 'string' || next === '') break;
    }
    return messages.filter((m) => Number(m.seq) > cursor.last).sort((a, b) => Number(a.seq) - Number(b.seq));
  }

  #fill(topic: string, cursor: TopicCursor<Item>, messages: readonly Frame[], latest: number): void {
    for (const fields of messages) {
      const seq = Number(fields.seq);
      if (seq > latest || seq <= cursor.last) continue;
      const due = cursor.skipTo(seq); // what lies between were no messages, or are deleted
      cursor.fill();
      this.#deliver(topic, [
        {
          event: { type: String(fields.type), topic, seq, fields, source: 'filled' },
          text: undefined,
          post: undefined,
        },
        ...due,
      ]);
    }
    this.#deliver(topic, cursor.skipTo(latest));
  }
}
