/**
 * One connected client: who it is, what it gets, and what it asks. Opened by handshake.ts; everything that happens
 * afterwards is here.
 */
import { type Clock, type Random, sleep, type Timer } from '../../cells/contract/clock.ts';
import type { WorkspaceEntry } from '../../cells/contract/control.ts';
import { assertNever, ChatError } from '../../cells/contract/errors.ts';
import { isChannelId, kindOf, type TopicId } from '../../cells/contract/ids.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { actorOf, type SessionIdentity } from '../auth/identity.ts';
import type { SessionTokens } from '../auth/session-tokens.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { LIMITS } from '../protocol/limits.ts';
import type { Actor } from '../protocol/operations.ts';
import type { OwnerClient } from '../protocol/owner-client.ts';
import type { Plants } from '../protocol/plants.ts';
import type { Directory } from '../storage/store.ts';
import { parseTraceparent } from '../tracing/traceparent.ts';
import type { Tracer } from '../tracing/tracing.ts';
import { type ClientFrame, type FrameFault, type PostFrame, parseClientFrame } from './client-frame.ts';
import type { ClientSocket } from './client-socket.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';
import type { Hub } from './hub.ts';
import type { LiveEvent } from './live-event.ts';
import type { OutFrame } from './out-frame.ts';
import * as frames from './server-frames.ts';
import { TokenBucket } from './token-bucket.ts';
import { TopicAttachment } from './topic-attachment.ts';

/** What all sessions of a gateway share. */
export interface SessionContext {
  readonly hub: Hub;
  readonly owners: Pick<OwnerClient, 'call' | 'typing'>;
  readonly directory: Pick<Directory, 'memberships' | 'users'>;
  readonly tokens: SessionTokens;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: GatewayMetrics;
  readonly tracer: Tracer;
  readonly log: Logger;
  /** Of this gateway's process: makes post keys unique. */
  readonly incarnation: string;
  readonly heartbeatMs: number;
  readonly replayEvents: number;
  readonly plants: Plants;
}

/** A client that reads too slowly is cut here, and resumes. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
const ROOM_BYTES = MAX_BUFFERED_BYTES / 4;
const ROOM_POLL_MS = 10;
/** A client that has not read this much in this time holds up those who wait to get in: it is cut as well. */
const ROOM_MS = 15_000;
const MAX_BAD_FRAMES = 5;
/** Refused posts until the connection counts as abusive. */
const REFUSED_POSTS = { perSecond: 100, burst: 200 };
/** Pings, typing and the like; those beyond it are not answered. */
const OTHER_FRAMES = { perSecond: 50, burst: 100 };
/** Unanswered frames until the connection counts as abusive. */
const IGNORED_FRAMES = { perSecond: 500, burst: 2_000 };
/** How long a goodbye waits for posts in flight. */
const GOODBYE_LINGER_MS = 2_000;
const LINGER_POLL_MS = 20;

export class Session {
  readonly id: string;
  readonly identity: SessionIdentity;
  readonly entry: WorkspaceEntry;
  readonly actor: Actor;
  readonly context: SessionContext;
  readonly #socket: ClientSocket;
  readonly #attachments = new Map<TopicId, TopicAttachment>();
  readonly #posts: TokenBucket;
  readonly #others: TokenBucket;
  readonly #ignored: TokenBucket;
  readonly #refused: TokenBucket;
  readonly #connectTrace: string | undefined;
  readonly #ended: (session: Session) => void;
  #postCount = 0;
  #unanswered = 0;
  #badFrames = 0;
  #lastHeardMs: number;
  #closed = false;
  #leaving = false;
  #linger: Timer | undefined;

  constructor(
    context: SessionContext,
    socket: ClientSocket,
    opened: {
      id: string;
      identity: SessionIdentity;
      entry: WorkspaceEntry;
      traceparent: string | undefined;
      /** Called once, when the session is over. */
      ended: (session: Session) => void;
    },
  ) {
    this.context = context;
    this.#socket = socket;
    this.id = opened.id;
    this.identity = opened.identity;
    this.entry = opened.entry;
    this.actor = actorOf(opened.identity);
    this.#connectTrace = opened.traceparent;
    this.#ended = opened.ended;
    const now = context.clock.monotonicMs();
    this.#lastHeardMs = now;
    this.#posts = new TokenBucket({ perSecond: LIMITS.postsPerSecond, burst: LIMITS.postsPerSecond }, now);
    this.#others = new TokenBucket(OTHER_FRAMES, now);
    this.#ignored = new TokenBucket(IGNORED_FRAMES, now);
    this.#refused = new TokenBucket(REFUSED_POSTS, now);
  }

  get closed(): boolean {
    return this.#closed;
  }
  /** A goodbye was sent: the session counts as shed already. */
  get leaving(): boolean {
    return this.#leaving;
  }

  // to the client

  send(frame: OutFrame): void {
    if (this.#closed) return;
    this.#socket.send(frame);
    this.#cutIfSlow();
  }

  #cutIfSlow(): void {
    if (this.#socket.bufferedBytes() > MAX_BUFFERED_BYTES) this.#cut();
  }

  #cut(): void {
    this.context.metrics.slowConsumer();
    this.close(CLOSE.slowConsumer, 'slow consumer');
  }

  /** Resolves when the client has read enough that a long replay may go on; also when it is gone, or cut for its slowness. */
  async room(): Promise<void> {
    const { clock } = this.context;
    const deadline = clock.monotonicMs() + ROOM_MS;
    while (!this.#closed && this.#socket.bufferedBytes() > ROOM_BYTES) {
      if (clock.monotonicMs() >= deadline) this.#cut();
      else await sleep(clock, ROOM_POLL_MS);
    }
  }

  hello(): void {
    this.send(frames.hello(this.id, this.#resumeToken(), this.context.heartbeatMs));
  }

  /** Sheds the session: it is told to come back, and closed when its posts in flight are answered. Idempotent. */
  goodbye(reason: frames.GoodbyeReason, code: number, reconnectInMs: number): void {
    if (this.#closed || this.#leaving) return;
    this.#leaving = true;
    this.send(frames.goodbye(reason, reconnectInMs, this.#resumeToken()));
    const deadline = this.context.clock.monotonicMs() + GOODBYE_LINGER_MS;
    const finish = (): void => {
      if (this.#unanswered === 0 || this.context.clock.monotonicMs() >= deadline) this.close(code, reason);
      else this.#linger = this.context.clock.after(LINGER_POLL_MS, finish);
    };
    finish();
  }

  /** Idempotent. */
  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#socket.close(code, reason);
    this.#end(code);
  }

  /** The socket has closed. */
  socketClosed(code: number): void {
    if (!this.#closed) this.#end(code);
  }

  #end(code: number): void {
    this.#closed = true;
    this.#linger?.cancel();
    this.context.metrics.closed(code);
    for (const attachment of this.#attachments.values()) attachment.end();
    this.#attachments.clear();
    this.#ended(this);
  }

  #resumeToken(): string {
    return this.context.tokens.issueResume(this.identity, this.id);
  }

  silentForMs(nowMs: number): number {
    return nowMs - this.#lastHeardMs;
  }

  // topics

  attachment(topic: TopicId): TopicAttachment | undefined {
    return this.#attachments.get(topic);
  }

  /** Subscribes; undefined when the owner denies the topic or the session is over. Events are held until `begin`. */
  async attach(topic: TopicId): Promise<{ attachment: TopicAttachment; head: number } | undefined> {
    const attachment = new TopicAttachment(this, topic);
    this.#attachments.set(topic, attachment);
    const head = await this.context.hub.subscribe(this.entry.ring, topic, this.actor, attachment);
    if (head !== undefined && !this.#closed && !attachment.over) return { attachment, head };
    this.detach(topic, attachment);
    // Denied before the user was made a member: that it was has come meanwhile.
    if (attachment.rejoinAt !== undefined) this.join(topic, attachment.rejoinAt.seq);
    return undefined;
  }

  detach(topic: TopicId, attachment: TopicAttachment): void {
    attachment.end();
    if (this.#attachments.get(topic) === attachment) this.#attachments.delete(topic);
  }

  /** An event that the gateway itself must act on, after it was sent. */
  onOwnTopicEvent(topic: TopicId, event: LiveEvent): void {
    if (kindOf(topic) === 'U') {
      if (event.fields.type === 'channel_joined') this.#joined(event.fields);
    } else if (event.fields.type === 'user_change') {
      const user = event.fields.user as { id?: unknown; deleted?: unknown } | undefined;
      if (user?.id === this.identity.user && user.deleted === true) this.close(CLOSE.authRevoked, 'account_inactive');
    }
  }

  #joined(event: Record<string, unknown>): void {
    const channel = (event.channel as { id?: unknown } | undefined)?.id;
    if (!isChannelId(channel)) return;
    const joinSeq = typeof event.joined_seq === 'number' ? event.joined_seq : undefined;
    this.join(channel, joinSeq);
  }

  /** The user has become a member at `joinSeq` (asked of the directory when unknown): its events follow from there. */
  join(channel: TopicId, joinSeq: number | undefined): void {
    const present = this.#attachments.get(channel);
    if (present !== undefined) present.rejoin(joinSeq);
    else
      this.#attachJoined(channel, joinSeq).catch((err: unknown) => this.fail(err, 'a joined channel was not attached'));
  }

  async #attachJoined(channel: TopicId, joinSeq: number | undefined): Promise<void> {
    const opened = await this.attach(channel);
    if (opened === undefined) return;
    const since = joinSeq ?? (await this.#membershipSeq(channel)) ?? opened.head + 1;
    await opened.attachment.catchUp(since - 1, opened.head, { inside: true });
  }

  async #membershipSeq(channel: TopicId): Promise<number | undefined> {
    const { workspace, user } = this.identity;
    const memberships = await this.context.directory.memberships(workspace, user);
    return memberships.find((m) => m.channel.id === channel)?.seq;
  }

  /** Something of ours failed: the client is to come back, and will miss nothing. */
  fail(err: unknown, what: string): void {
    if (this.#closed) return;
    this.context.log.warn({ err, session: this.id, user: this.identity.user }, what);
    this.close(CLOSE.goingAway, ChatError.from(err).code);
  }

  // from the client

  /** A ping or pong of WebSocket itself. */
  heard(): void {
    if (this.#closed) return;
    this.#lastHeardMs = this.context.clock.monotonicMs();
    this.#cutIfSlow(); // pongs wait in the same buffer
  }

  message(data: Buffer, isBinary: boolean): void {
    if (this.#closed) return;
    this.#lastHeardMs = this.context.clock.monotonicMs();
    const frame = parseClientFrame(data, isBinary);
    if (frame.type === 'message') this.#post(frame);
    else if (this.#others.take(this.#lastHeardMs)) this.#other(frame);
    else if (!this.#ignored.take(this.#lastHeardMs)) this.close(CLOSE.rateAbused, 'rate_limited_socket');
  }

  #other(frame: Exclude<ClientFrame, PostFrame> | FrameFault): void {
    switch (frame.type) {
      case 'fault':
        this.#fault(frame);
        break;
      case 'ping':
        this.send(frames.pong(frame.id, frame.echo));
        break;
      case 'typing':
        if (this.#attachments.has(frame.channel))
          this.context.owners.typing({ ring: this.entry.ring, topic: frame.channel, actor: this.actor });
        else this.send(frames.failure(frame.id, 'channel_not_found'));
        break;
      case 'presence_sub':
      case 'presence_query':
        // There is no presence role yet: the truth is that nothing is known.
        this.send(frames.ok(frame.id, { warning: 'presence_unavailable', users: [] }));
        break;
      case 'resume':
        this.#fault({ type: 'fault', id: undefined, code: 'bad_frame', malformed: true });
        break;
      default:
        assertNever(frame);
    }
  }

  #fault(fault: FrameFault): void {
    this.send(frames.failure(fault.id, fault.code));
    if (fault.malformed && ++this.#badFrames >= MAX_BAD_FRAMES) this.close(CLOSE.badFrame, fault.code);
  }

  #post(frame: PostFrame): void {
    if (!this.#posts.take(this.#lastHeardMs)) {
      this.send(frames.failure(frame.id, 'rate_limited_socket'));
      if (!this.#refused.take(this.#lastHeardMs)) this.close(CLOSE.rateAbused, 'rate_limited_socket');
      return;
    }
    const { incarnation, owners, tracer } = this.context;
    const span = tracer.startSpan('gateway.post', parseTraceparent(frame.traceparent ?? this.#connectTrace), {
      topic: frame.channel,
    });
    const attachment = this.#attachments.get(frame.channel);
    attachment?.stream.postSent();
    this.#unanswered++;
    const call = owners.call({
      ring: this.entry.ring,
      topic: frame.channel,
      op: 'post',
      args: {
        text: frame.text,
        clientKey: frame.clientMsgId ?? `~${incarnation}:${this.id}:${++this.#postCount}`,
        ...(frame.threadTs === undefined ? {} : { threadTs: frame.threadTs }),
      },
      actor: this.actor,
      ...(span.trace === undefined ? {} : { trace: span.trace }),
    });
    call.then(
      (posted) => {
        span.end();
        this.#answered('ok');
        const ack = frames.postAck(frame.id, posted);
        const now = this.#attachments.get(frame.channel);
        if (attachment !== undefined && attachment === now) now.stream.postStored(posted.seq, ack);
        else if (now !== undefined) now.stream.ackAt(posted.seq, ack);
        else this.send(ack);
      },
      (e: unknown) => {
        const { code } = ChatError.from(e);
        span.end(code);
        this.#answered('error');
        if (code === 'internal_error') this.context.log.error({ err: e, session: this.id }, 'a post failed');
        const answer = frames.failure(frame.id, code);
        if (attachment === undefined) this.send(answer);
        else attachment.stream.postFailed(answer);
      },
    );
  }

  #answered(outcome: 'ok' | 'error'): void {
    this.#unanswered--;
    this.context.metrics.posted(outcome);
  }
}
