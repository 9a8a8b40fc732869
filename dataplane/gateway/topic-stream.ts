/**
 * What one session gets of one topic, in seq order: events, and the acks of its own posts in the place of their
 * events. A pure state machine; no I/O, no clock.
 *
 * Three things must stay true:
 * - Nothing leaves before `begin`: until then live events are held while state or replay is sent.
 * - The ack of an own post with seq s leaves after every event below s and before every event above it, and event s
 *   itself does not leave. The owner's answer and its events may reach us in either order (a retry through a failover
 *   is answered after the new owner has sent the event), so whichever comes first waits for the other.
 * - After the event that ends the user's membership nothing leaves.
 */
import type { UserId } from '../../cells/contract/ids.ts';
import type { LiveEvent } from './live-event.ts';
import type { OutFrame } from './out-frame.ts';

export interface TopicStreamHandlers {
  /** An event is due. */
  event(event: LiveEvent): void;
  /** An ack is due. */
  ack(frame: OutFrame): void;
  /** The event just delivered ended the user's membership at `seq`; nothing follows. */
  left(seq: number): void;
}

export class TopicStream {
  readonly #user: UserId;
  readonly #handlers: TopicStreamHandlers;
  #phase: 'attaching' | 'live' | 'ended' = 'attaching';
  /** Seq of what left last. */
  #last = 0;
  #held: LiveEvent[] = [];
  /** Acks whose turn has not come, by seq. */
  readonly #acks = new Map<number, OutFrame>();
  /** Own posts without an answer yet. */
  #unanswered = 0;

  constructor(user: UserId, handlers: TopicStreamHandlers) {
    this.#user = user;
    this.#handlers = handlers;
  }

  get last(): number {
    return this.#last;
  }
  get live(): boolean {
    return this.#phase === 'live';
  }
  /** Events that wait here. */
  get heldCount(): number {
    return this.#held.length;
  }

  event(event: LiveEvent): void {
    if (this.#phase === 'ended' || (this.#phase === 'live' && event.seq <= this.#last)) return;
    this.#held.push(event);
    this.#drain();
  }

  /** Everything up to `afterSeq` has been sent, or is not to be: live events follow. */
  begin(afterSeq: number): void {
    if (this.#phase !== 'attaching') return;
    this.#phase = 'live';
    this.#last = afterSeq;
    this.#drain();
  }

  postSent(): void {
    this.#unanswered++;
  }

  /** The post was stored at `seq`: its ack leaves in that place. */
  postStored(seq: number, ack: OutFrame): void {
    this.#unanswered--;
    this.ackAt(seq, ack);
  }

  /** As postStored, for a post that was sent before this stream was: under a former membership, or none. */
  ackAt(seq: number, ack: OutFrame): void {
    this.#acks.set(seq, ack);
    this.#drain();
  }

  /** The post was refused: the answer has no place in the order and leaves at once. */
  postFailed(answer: OutFrame): void {
    this.#unanswered--;
    this.#handlers.ack(answer);
    this.#drain();
  }

  /**
   * The owner lets the user have the topic no longer. What waits here for the answer to an own post is still the
   * user's, up to and with the event that ended the membership.
   */
  shutOut(): void {
    if (this.#phase !== 'live') return;
    const end = this.#held.findIndex(({ member }) => member?.user === this.#user && !member.joined);
    for (const event of this.#held.splice(0, end + 1)) {
      if (event.seq <= this.#last) continue;
      this.#deliver(event);
      this.#flushAcks();
    }
  }

  /** Nothing of the topic follows but answers to posts. */
  end(): void {
    this.#phase = 'ended';
    this.#held = [];
    this.#drain();
  }

  #drain(): void {
    if (this.#phase === 'attaching') return;
    this.#flushAcks();
    while (this.#phase === 'live') {
      const next = this.#held[0];
      if (next === undefined) return;
      if (next.seq <= this.#last) this.#held.shift();
      else if (this.#unanswered > 0 && next.mayBeFrom(this.#user))
        return; // perhaps the own post: its answer decides
      else {
        this.#held.shift();
        this.#deliver(next);
        this.#flushAcks();
      }
    }
  }

  #deliver(event: LiveEvent): void {
    this.#last = event.seq;
    const ack = this.#acks.get(event.seq);
    if (ack !== undefined) {
      this.#acks.delete(event.seq);
      this.#handlers.ack(ack);
      return;
    }
    this.#handlers.event(event);
    if (event.member?.user === this.#user && !event.member.joined && this.#phase === 'live') {
      this.end();
      this.#handlers.left(event.seq);
    }
  }

  /** Sends the acks whose turn it is: those already passed by, the next in order, and all once the topic has ended. */
  #flushAcks(): void {
    if (this.#acks.size === 0) return;
    for (const seq of [...this.#acks.keys()].sort((a, b) => a - b)) {
      if (seq > this.#last + 1 && this.#phase !== 'ended') return;
      const ack = this.#acks.get(seq);
      this.#acks.delete(seq);
      this.#last = Math.max(this.#last, seq);
      if (ack !== undefined) this.#handlers.ack(ack);
    }
  }
}
