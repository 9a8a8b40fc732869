/** The accepting end of a link: one gateway, API or channel server. */
import type { TopicId } from '../../cells/contract/ids.ts';
import { UNORDERED } from '../links/peer-link.ts';
import { isRefusal } from '../links/refusals.ts';
import { encodeFrame, type Header, KIND } from '../protocol/frames.ts';
import type { Hello, Response } from '../protocol/operations.ts';
import type { Link } from '../protocol/transport.ts';
import type { FanOutLoad } from './fan-out-load.ts';

/** More refusals than this are forgotten, oldest first: their queues have long moved on. */
const MAX_REFUSED = 10_000;

export class LinkSession {
  hello: Hello | undefined;
  lastHeardMs: number;
  closed = false;
  /** Of a gateway that tells what has arrived. */
  load: FanOutLoad | undefined;
  /** What this link is subscribed to, or is catching up with. */
  readonly subscriptions = new Map<TopicId, { cancel(): void }>();
  /** Subscriptions that are being looked into, by topic: an unsubscribe that comes meanwhile is meant for them too. */
  readonly #asks = new Map<TopicId, Set<{ cancelled: boolean }>>();
  readonly #link: Link;
  readonly #maxQueueBytes: number;
  readonly #onCut: () => void;
  /** Per topic, the highest attempt of which a request was refused. */
  readonly #refused = new Map<TopicId, number>();

  constructor(link: Link, options: { maxQueueBytes: number; nowMs: number; onCut: () => void }) {
    this.#link = link;
    this.#maxQueueBytes = options.maxQueueBytes;
    this.#onCut = options.onCut;
    this.lastHeardMs = options.nowMs;
  }

  get peer(): string {
    return this.#link.peer;
  }

  /** A peer that does not read is cut: it resubscribes by seq, and costs nobody else memory or time. */
  send(frame: Uint8Array): void {
    if (this.closed) return;
    if (this.#link.bufferedBytes() + frame.length > this.#maxQueueBytes) {
      this.#onCut();
      this.close();
      return;
    }
    this.#link.send(frame);
  }

  sendEvent(frame: Uint8Array): void {
    if (this.closed) return;
    this.load?.sent();
    this.send(frame);
  }

  bufferedBytes(): number {
    return this.closed ? 0 : this.#link.bufferedBytes();
  }

  respond(header: Header, epoch: number, response: Response): void {
    if (isRefusal(response) && header.topic !== undefined) this.#refuse(header.topic, header.seq);
    const { requestId, topic, slot } = header;
    this.send(encodeFrame({ kind: KIND.response, requestId, topic, slot, epoch }, JSON.stringify(response)));
  }

  /**
   * Whether an earlier request of this attempt was refused. The sender sends all of the topic's queue again under a
   * new attempt; taking a later one now would put it before the refused one.
   */
  wasRefused(topic: TopicId, attempt: number): boolean {
    if (attempt === UNORDERED) return false;
    const refused = this.#refused.get(topic);
    if (refused === undefined) return false;
    if (attempt <= refused) return true;
    this.#refused.delete(topic);
    return false;
  }

  /** Does `work` for a subscription, which can ask whether the peer, or its link, does not want it any more. */
  async whileAsked<T>(topic: TopicId, work: (unwanted: () => boolean) => Promise<T>): Promise<T> {
    const ask = { cancelled: false };
    const asks = this.#asks.get(topic) ?? new Set();
    this.#asks.set(topic, asks.add(ask));
    try {
      return await work(() => ask.cancelled || this.closed);
    } finally {
      asks.delete(ask);
      if (asks.size === 0 && this.#asks.get(topic) === asks) this.#asks.delete(topic);
    }
  }

  unsubscribe(topic: TopicId): void {
    for (const ask of this.#asks.get(topic) ?? []) ask.cancelled = true;
    this.#asks.delete(topic);
    this.subscriptions.get(topic)?.cancel();
    this.subscriptions.delete(topic);
  }

  close(): void {
    if (!this.closed) this.load?.end();
    this.closed = true;
    for (const topic of [...this.subscriptions.keys()]) this.unsubscribe(topic);
    this.#link.close();
  }

  #refuse(topic: TopicId, attempt: number): void {
    if (attempt === UNORDERED || (this.#refused.get(topic) ?? 0) >= attempt) return;
    if (this.#refused.size >= MAX_REFUSED) {
      const oldest = this.#refused.keys().next();
      if (!oldest.done) this.#refused.delete(oldest.value);
    }
    this.#refused.set(topic, attempt);
  }
}
