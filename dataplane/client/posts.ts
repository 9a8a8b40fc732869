/** The client's posts: each sent until it is stored or refused for good, in order per channel. */
import type { Clock, Random, Timer } from '../../cells/contract/clock.ts';
import { ChatError, ERRORS, type ErrorCode, isErrorCode } from '../../cells/contract/errors.ts';
import { LIMITS } from '../protocol/limits.ts';
import { backoffMs } from './backoff.ts';
import { Outbox, type OutgoingPost, type PostResult } from './outbox.ts';

export interface PostsHandlers {
  clock: Clock;
  random: Random;
  /** Whether a session stands that takes posts. */
  isReady(): boolean;
  send(frame: Record<string, unknown>): void;
  /** Called before the post's own promise resolves. */
  stored(post: OutgoingPost, result: PostResult): void;
}

type NewPost = Pick<OutgoingPost, 'channel' | 'text' | 'clientMsgId' | 'threadTs'>;

/** More posts than a client ever sends. */
const MAX_ID = 2 ** 40;

const frameOf = (id: number, { channel, text, clientMsgId, threadTs }: NewPost): Record<string, unknown> => ({
  ...{ id, type: 'message', channel, text, client_msg_id: clientMsgId },
  ...(threadTs === undefined ? {} : { thread_ts: threadTs }),
});

const RETRY = { baseMs: 100, maxMs: 5_000 };

export class Posts {
  readonly #handlers: PostsHandlers;
  readonly #outbox = new Outbox();
  readonly #retries = new Set<Timer>();

  constructor(handlers: PostsHandlers) {
    this.#handlers = handlers;
  }

  /** Posts without a result. */
  get size(): number {
    return this.#outbox.size;
  }

  /** Resolves when stored. Rejects with an error that trying again does not mend, or that of `fail`. */
  add(post: NewPost): Promise<PostResult> {
    // The server would close the socket of a frame this large, and with it every other post would fail.
    if (Buffer.byteLength(JSON.stringify(frameOf(MAX_ID, post))) > LIMITS.frameBytes)
      return Promise.reject(new ChatError('frame_too_large'));
    return new Promise((resolve, reject) => {
      this.#outbox.add({ ...post, attempts: 0, resolve, reject });
      this.flush();
    });
  }

  /** Sends what may be sent now. */
  flush(): void {
    const { isReady, send } = this.#handlers;
    if (!isReady()) return;
    for (const { id, post } of this.#outbox.take()) {
      post.attempts++;
      send(frameOf(id, post));
    }
  }

  /** A frame with `reply_to`; those that answer no post are ignored. */
  reply(frame: Record<string, unknown>): void {
    const post = this.#outbox.answered(Number(frame.reply_to));
    if (post === undefined) return;
    if (frame.ok === true) {
      const result = { ts: String(frame.ts), seq: Number(frame.seq) };
      this.#outbox.done(post);
      this.#handlers.stored(post, result);
      post.resolve(result);
      this.flush();
    } else this.#refused(post, (frame.error as { code?: unknown } | undefined)?.code);
  }

  /** The connection is gone: what was in flight is sent again with the next `flush`. */
  disconnected(): void {
    this.#outbox.reset();
    for (const timer of this.#retries) timer.cancel();
    this.#retries.clear();
  }

  /** Rejects everything that has no result. */
  fail(error: Error): void {
    this.disconnected();
    this.#outbox.failAll(error);
  }

  #refused(post: OutgoingPost, code: unknown): void {
    const known: ErrorCode = typeof code === 'string' && isErrorCode(code) ? code : 'internal_error';
    if (!ERRORS[known].retryable) {
      this.#outbox.done(post);
      post.reject(new ChatError(known));
      this.flush();
      return;
    }
    // It keeps its place: later posts of the channel wait behind it.
    const { clock, random } = this.#handlers;
    const timer = clock.after(backoffMs(post.attempts - 1, random, RETRY), () => {
      this.#retries.delete(timer);
      this.#outbox.retry(post);
      this.flush();
    });
    this.#retries.add(timer);
  }
}
