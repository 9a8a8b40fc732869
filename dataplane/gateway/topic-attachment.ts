/** One session's hold on one topic: its subscription in the hub and the stream that orders what leaves. */
import { kindOf, type TopicId, type UserId } from '../../cells/contract/ids.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import type { Subscriber } from './hub.ts';
import type { LiveEvent } from './live-event.ts';
import { OutFrame } from './out-frame.ts';
import { tsOf, visibleTo } from './replay.ts';
import * as frames from './server-frames.ts';
import type { Session } from './session.ts';
import { TopicStream } from './topic-stream.ts';

const REPLAY_PAGE = 200;
/** Live events that may wait behind a replay or an unanswered post, before the client is better off resuming. */
const MAX_HELD_EVENTS = 5_000;

export class TopicAttachment implements Subscriber {
  readonly user: UserId;
  readonly stream: TopicStream;
  readonly #session: Session;
  readonly #topic: TopicId;
  /** The user was made a member again at this seq, while the stream has not come to the end of its former membership. */
  #rejoinAt: { seq: number | undefined } | undefined;
  #over = false;

  constructor(session: Session, topic: TopicId) {
    this.#session = session;
    this.#topic = topic;
    this.user = session.identity.user;
    const watched = kindOf(topic) === 'U' || kindOf(topic) === 'T';
    this.stream = new TopicStream(this.user, {
      event: (event) => {
        session.send(event.frame);
        if (watched) session.onOwnTopicEvent(topic, event);
      },
      ack: (frame) => session.send(frame),
      left: (seq) => this.#left(seq),
    });
  }

  get over(): boolean {
    return this.#over;
  }
  get rejoinAt(): { seq: number | undefined } | undefined {
    return this.#rejoinAt;
  }

  event(event: LiveEvent): void {
    this.stream.event(event);
    if (this.stream.heldCount > MAX_HELD_EVENTS) this.#session.close(CLOSE.slowConsumer, 'too far behind');
  }

  transient(frame: OutFrame): void {
    if (this.stream.live) this.#session.send(frame);
  }

  denied(): void {
    if (this.#over) return;
    this.stream.shutOut();
    if (this.#over) return; // the end of the membership was among what waited
    this.#session.detach(this.#topic, this);
    this.#session.send(frames.channelLeft(this.#topic));
  }

  /** channel_joined of a channel that is attached: old news, unless the stream has yet to see the user leave. */
  rejoin(joinSeq: number | undefined): void {
    if (joinSeq === undefined || joinSeq > this.stream.last) this.#rejoinAt = { seq: joinSeq };
  }

  #left(seq: number): void {
    this.#session.detach(this.#topic, this);
    const again = this.#rejoinAt;
    if (again !== undefined && (again.seq ?? Number.POSITIVE_INFINITY) > seq)
      this.#session.join(this.#topic, again.seq);
  }

  /** Nothing follows. Idempotent. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#session.context.hub.unsubscribe(this.#topic, this);
    this.stream.end();
  }

  /**
   * Sends the events with `after` < seq ≤ `head` that the user may see, or a gap when they are too many, and goes live.
   * `inside`: whether the user was a member at `after`. Resolves with the number of events sent.
   */
  async catchUp(after: number, head: number, options: { inside: boolean }): Promise<number> {
    let sent = 0;
    if (head - after > this.#session.context.replayEvents) await this.#gap(after, head);
    else if (head > after) sent = await this.#replay(after, head, options.inside);
    this.stream.begin(head);
    return sent;
  }

  async #replay(after: number, head: number, wasInside: boolean): Promise<number> {
    let sent = 0;
    let inside = wasInside;
    for (let at = after; at < head && !this.#over; ) {
      const { events } = await this.#read(at, head, REPLAY_PAGE);
      const last = events.at(-1);
      if (last === undefined) break;
      const visible =
        kindOf(this.#topic) === 'U' || kindOf(this.#topic) === 'T'
          ? { events, inside }
          : visibleTo(this.user, events, inside);
      for (const event of visible.events) {
        await this.#session.room();
        if (this.#over) return sent;
        this.#session.send(new OutFrame(Buffer.from(event.payload)));
        sent++;
      }
      inside = visible.inside;
      at = last.seq;
    }
    return sent;
  }

  /** Tells the client what it lacks, in seqs and in the timestamps that conversations.history takes. */
  async #gap(after: number, head: number): Promise<void> {
    const [first, last] = await Promise.all([
      after > 0 ? this.#read(after - 1, after, 1) : { events: [] },
      this.#read(head - 1, head, 1),
    ]);
    const ts = (event: { payload: string } | undefined): string | undefined => event && tsOf(event.payload);
    this.#session.send(
      frames.gap(this.#topic, {
        oldest: ts(first.events[0]) ?? '0',
        latest: ts(last.events[0]) ?? '',
        oldestSeq: after,
        latestSeq: head,
      }),
    );
  }

  #read(afterSeq: number, upTo: number, limit: number): Promise<{ events: { seq: number; payload: string }[] }> {
    const { context, entry, actor } = this.#session;
    return context.owners.call({
      ring: entry.ring,
      topic: this.#topic,
      op: 'replay',
      args: { afterSeq, upTo, limit },
      actor,
    });
  }
}
