/**
 * Posts on their way: one at a time for each channel, so that a channel's posts stay in order through refusals and
 * reconnects; each with its client_msg_id, so that a repeated one is stored once. No I/O, no clock.
 */

export interface OutgoingPost {
  channel: string;
  text: string;
  clientMsgId: string;
  threadTs: string | undefined;
  attempts: number;
  resolve(result: PostResult): void;
  reject(error: Error): void;
}
export interface PostResult {
  ts: string;
  seq: number;
}

/** Of all channels together: what a server that allows 20 posts a second refuses at most before it has room again. */
const MAX_IN_FLIGHT = 20;

export class Outbox {
  readonly #queues = new Map<string, OutgoingPost[]>();
  /** By the frame id under which it was sent. */
  readonly #inFlight = new Map<number, OutgoingPost>();
  readonly #busy = new Set<string>();
  #nextId = 0;

  get size(): number {
    let size = 0;
    for (const queue of this.#queues.values()) size += queue.length;
    return size;
  }

  add(post: OutgoingPost): void {
    const queue = this.#queues.get(post.channel);
    if (queue === undefined) this.#queues.set(post.channel, [post]);
    else queue.push(post);
  }

  /** The posts that may be sent now, with their frame ids: they then count as in flight. */
  take(): { id: number; post: OutgoingPost }[] {
    const due: { id: number; post: OutgoingPost }[] = [];
    for (const [channel, queue] of this.#queues) {
      if (this.#busy.size >= MAX_IN_FLIGHT) break;
      const post = queue[0];
      if (post === undefined || this.#busy.has(channel)) continue;
      const id = ++this.#nextId;
      this.#busy.add(channel);
      this.#inFlight.set(id, post);
      due.push({ id, post });
    }
    return due;
  }

  /** The post of the frame that was answered; it stays first of its channel, and blocked, until `done` or `retry`. */
  answered(id: number): OutgoingPost | undefined {
    const post = this.#inFlight.get(id);
    this.#inFlight.delete(id);
    return post;
  }

  done(post: OutgoingPost): void {
    const queue = this.#queues.get(post.channel);
    const at = queue?.indexOf(post) ?? -1;
    if (queue === undefined || at < 0) return;
    queue.splice(at, 1);
    this.#busy.delete(post.channel);
    // To the end: a channel with a long queue does not keep the others waiting.
    this.#queues.delete(post.channel);
    if (queue.length > 0) this.#queues.set(post.channel, queue);
  }

  retry(post: OutgoingPost): void {
    this.#busy.delete(post.channel);
  }

  /** The connection is gone: whatever was in flight is to be sent again. */
  reset(): void {
    this.#inFlight.clear();
    this.#busy.clear();
  }

  failAll(error: Error): void {
    const posts = [...this.#queues.values()].flat();
    this.#queues.clear();
    this.reset();
    for (const post of posts) post.reject(error);
  }
}
