/** One socket from its acceptance to its end: the time before a session stands, then the session's socket. */
import type { Clock, Timer } from '../../cells/contract/clock.ts';
import { ChatError, type ErrorCode, hasCode } from '../../cells/contract/errors.ts';
import type { TopicId } from '../../cells/contract/ids.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { parseClientFrame } from './client-frame.ts';
import type { ClientSocket, ConnectParams } from './client-socket.ts';
import * as frames from './server-frames.ts';
import type { Session } from './session.ts';

export interface ConnectionHandlers {
  clock: Clock;
  log: Logger;
  /** Opens a session by ticket, or by resume token. Rejects with the reason why not. */
  fresh(connection: Connection, ticket: string): Promise<void>;
  resumed(connection: Connection, token: string, topics: ReadonlyMap<TopicId, number>): Promise<void>;
  /** Whether the token is one of ours: without one, nothing of a resume is kept. */
  resumeLooksValid(token: string): boolean;
  /** Once. */
  ended(connection: Connection): void;
}

/** A socket that asks for nothing is not kept. */
const FIRST_FRAME_MS = 10_000;
/** Frames that a client may send before its hello. */
const MAX_EARLY_FRAMES = 64;
const MAX_RESUME_TOPICS = 50_000;

export class Connection {
  readonly socket: ClientSocket;
  readonly params: ConnectParams;
  readonly #handlers: ConnectionHandlers;
  readonly #topics = new Map<TopicId, number>();
  #awaitsResume: boolean;
  #early: { data: Buffer; isBinary: boolean }[] = [];
  #firstFrame: Timer | undefined;
  #session: Session | undefined;
  #ended = false;

  constructor(socket: ClientSocket, params: ConnectParams, handlers: ConnectionHandlers) {
    this.socket = socket;
    this.params = params;
    this.#handlers = handlers;
    this.#awaitsResume = params.ticket === undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }
  /** A session stands. */
  get open(): boolean {
    return this.#session !== undefined;
  }

  start(): void {
    const { clock, fresh } = this.#handlers;
    this.socket.handle({
      message: (data, isBinary) => this.#message(data, isBinary),
      heard: () => this.#session?.heard(),
      closed: (code) => {
        this.#session?.socketClosed(code);
        this.#end();
      },
    });
    const { ticket } = this.params;
    if (ticket !== undefined) this.#open(fresh(this, ticket));
    else {
      this.#firstFrame = clock.after(FIRST_FRAME_MS, () => this.#refuse('bad_frame', CLOSE.heartbeatMissed));
    }
  }

  /** The session stands: it gets the frames from here on, and those that came early. */
  opened(session: Session): void {
    this.#session = session;
    const early = this.#early;
    this.#early = [];
    for (const { data, isBinary } of early) session.message(data, isBinary);
  }

  /** Idempotent. */
  close(code: number, reason: string): void {
    if (this.#session !== undefined) this.#session.close(code, reason);
    else if (!this.#ended) this.socket.close(code, reason);
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#firstFrame?.cancel();
    this.#handlers.ended(this);
  }

  #message(data: Buffer, isBinary: boolean): void {
    if (this.#session !== undefined) this.#session.message(data, isBinary);
    else if (this.#ended) return;
    else if (this.#awaitsResume) this.#resumeFrame(data, isBinary);
    else if (this.#early.length >= MAX_EARLY_FRAMES) this.#refuse('bad_frame', CLOSE.badFrame);
    else this.#early.push({ data, isBinary });
  }

  #resumeFrame(data: Buffer, isBinary: boolean): void {
    const frame = parseClientFrame(data, isBinary);
    if (frame.type !== 'resume') {
      this.#refuse('bad_frame', CLOSE.badFrame);
      return;
    }
    if (!this.#handlers.resumeLooksValid(frame.token)) {
      this.#refuse('resume_invalid', CLOSE.goingAway);
      return;
    }
    for (const [topic, seq] of frame.topics) this.#topics.set(topic, seq);
    if (this.#topics.size > MAX_RESUME_TOPICS) this.#refuse('frame_too_large', CLOSE.tooLarge);
    else if (!frame.more) {
      this.#awaitsResume = false;
      this.#firstFrame?.cancel();
      this.#open(this.#handlers.resumed(this, frame.token, this.#topics));
    }
  }

  #open(opening: Promise<void>): void {
    opening.catch((e: unknown) => {
      const { code, httpStatus } = ChatError.from(e);
      if (this.#ended) return;
      if (httpStatus >= 500) this.#handlers.log.warn({ err: e, remote: this.socket.remote }, 'a client was not served');
      this.#refuse(code, closeCodeFor(e));
    });
  }

  #refuse(code: ErrorCode, closeCode: number): void {
    this.socket.send(frames.failure(undefined, code));
    this.close(closeCode, code);
  }
}

/** Whoever comes back in vain is told to stop; whom we failed is told to come back. */
function closeCodeFor(e: unknown): number {
  if (hasCode(e, 'team_access_not_granted')) return CLOSE.workspaceSuspended;
  if (hasCode(e, 'account_inactive') || hasCode(e, 'invalid_auth')) return CLOSE.authRevoked;
  return CLOSE.goingAway;
}
