/**
 * The reference client: one session that outlives its sockets. Application code sees every durable event once, in seq
 * order per topic, its own posts among them; posts are sent until they are stored, in order per channel.
 */
import type { Clock, Random, Timer } from '../../cells/contract/clock.ts';
import { ChatError, type ErrorCode } from '../../cells/contract/errors.ts';
import { systemClock, systemRandom } from '../../cells/contract/system-clock.ts';
import { CLOSE, shouldReconnect } from '../protocol/close-codes.ts';
import { LIMITS } from '../protocol/limits.ts';
import { NO_PLANTS, type Plants } from '../protocol/plants.ts';
import { backoffMs } from './backoff.ts';
import { type ClientEvent, Feed, type FeedHandlers, type FeedStats } from './feed.ts';
import type { HistoryRecord } from './history/index.ts';
import { fetchHttp, openWebSocket } from './network.ts';
import type { PostResult } from './outbox.ts';
import { Posts } from './posts.ts';
import type { ClientConnection, Http, OpenSocket } from './transport.ts';
import { WebApi, type WebApiResult } from './web-api.ts';

export interface ChatClientOptions {
  /** Base URLs of the edges, `http(s)://host:port`; tried in this order, the next on failure. */
  edges: readonly string[];
  /** Bearer token. */
  token: string;
  /** In seq order per topic, once each. Events without a seq (typing) come as they come. */
  onEvent?: (event: ClientEvent) => void;
  /** Every text frame as it came, before anything is done with it. */
  onRaw?: (text: string) => void;
  /** What the history checker wants to know. */
  record?: (record: HistoryRecord) => void;
  onState?: (state: ClientState, code: number | undefined) => void;
  openSocket?: OpenSocket;
  http?: Http;
  clock?: Clock;
  random?: Random;
  /** Test-only; see dataplane/protocol/plants.ts. */
  plants?: Plants;
}

/** `stopped`: for good, by `close` or by a close code that forbids coming back. */
export type ClientState = 'connecting' | 'ready' | 'waiting' | 'stopped';

export interface ClientStats extends FeedStats {
  /** Sockets taken up where the former one ended, and those that were not. */
  resumes: number;
  reconnects: number;
  connectFailures: number;
}

const MAX_PING_MS = 10_000;
const PONG_TIMEOUT_MS = 5_000;
/** Without any frame: a long replay may take longer. */
const READY_TIMEOUT_MS = 20_000;
/** From a goodbye to the close that it announces. */
const GOODBYE_TIMEOUT_MS = 5_000;
const RESUME_TOPICS_PER_FRAME = 1_000;
/** Close codes of our own making: the peer is silent, or left something out. */
const SILENT = 4003;

type Frame = Record<string, unknown>;

export class ChatClient {
  readonly #options: ChatClientOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #openSocket: OpenSocket;
  readonly #api: WebApi;
  readonly #feed: Feed;
  readonly #posts: Posts;
  #state: ClientState = 'waiting';
  #connection: ClientConnection | undefined;
  /** Raised with every connection: what belongs to an older one is ignored. */
  #generation = 0;
  #resumeToken: string | undefined;
  #resuming = false;
  #comeBackInMs: number | undefined;
  #failures = 0;
  #timers: Timer[] = [];
  #pong: Timer | undefined;
  #readyTimer: Timer | undefined;
  #heardMs = 0;
  #retry: Timer | undefined;
  #connected: PromiseWithResolvers<void> | undefined;
  readonly #counts = { resumes: 0, reconnects: 0, connectFailures: 0 };

  constructor(options: ChatClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#openSocket = options.openSocket ?? openWebSocket;
    const http = options.http ?? fetchHttp;
    this.#api = new WebApi({
      edges: options.edges,
      token: options.token,
      http,
      clock: this.#clock,
      random: this.#random,
    });
    const handlers: FeedHandlers = {
      event: (event) => options.onEvent?.(event),
      history: (args) => this.#api.call('conversations.history', args),
      behind: (reason) => this.#drop(reason),
      plants: options.plants ?? NO_PLANTS,
      ...(options.record === undefined ? {} : { record: options.record }),
    };
    this.#feed = new Feed(handlers);
    this.#posts = new Posts({
      clock: this.#clock,
      random: this.#random,
      // After a goodbye posts wait for the next session: the server closes when it has answered what is in flight.
      isReady: () => this.#state === 'ready' && this.#comeBackInMs === undefined,
      send: (frame) => this.#send(frame),
      stored: (post, result) => this.#feed.ownPost(post, result),
    });
  }

  get state(): ClientState {
    return this.#state;
  }
  get stats(): ClientStats {
    return { ...this.#feed.stats, ...this.#counts };
  }
  /** Posts without a result. */
  get pendingPosts(): number {
    return this.#posts.size;
  }
  /** The user whom the token names, once connected. */
  get userId(): string | undefined {
    return this.#feed.self;
  }
  /** The last seq of each topic that was handed to the application. */
  get positions(): ReadonlyMap<string, number> {
    return this.#feed.positions();
  }

  /** Resolves when the first session is ready; it then reconnects by itself. Rejects when told not to come back. */
  connect(): Promise<void> {
    if (this.#connected === undefined) {
      this.#connected = Promise.withResolvers();
      this.#connected.promise.catch(() => undefined); // who does not wait need not handle it
      if (this.#state === 'stopped') this.#connected.reject(new ChatError('service_unavailable'));
      else this.#attempt();
    }
    return this.#connected.promise;
  }

  /** Sent until stored, also over reconnects. Rejects only with an error that trying again does not mend, or on `close`. */
  async post(
    channel: string,
    text: string,
    options: { clientMsgId?: string; threadTs?: string } = {},
  ): Promise<PostResult & { clientMsgId: string }> {
    if (this.#state === 'stopped') throw new ChatError('service_unavailable');
    const clientMsgId = options.clientMsgId ?? uuid(this.#random);
    this.#options.record?.({ kind: 'sent', topic: channel, client_msg_id: clientMsgId });
    const result = await this.#posts.add({ channel, text, clientMsgId, threadTs: options.threadTs });
    return { ...result, clientMsgId };
  }

  typing(channel: string): void {
    if (this.#state === 'ready') this.#send({ type: 'typing', channel });
  }

  /** A Web API call, tried again where that is safe. Rejects with ChatError. */
  call(method: string, args: Record<string, unknown> = {}): Promise<WebApiResult> {
    return this.#api.call(method, args);
  }

  /** Idempotent. Posts without a result are rejected. */
  close(): void {
    this.#stop(new ChatError('service_unavailable'), undefined);
  }

  // connecting

  #attempt(): void {
    this.#retry = undefined;
    this.#setState('connecting', undefined);
    const generation = ++this.#generation;
    // A first session that ended before its state came has nothing to take up.
    this.#resuming = this.#resumeToken !== undefined && this.#feed.generation > 0;
    if (this.#resuming) {
      this.#open(`${webSocketUrl(this.#api.edge)}/ws?resume=1`, generation);
      return;
    }
    this.#api.once('rtm.connect').then(
      ({ url }) => {
        if (generation === this.#generation) this.#open(String(url), generation);
      },
      (e: unknown) => {
        if (generation !== this.#generation) return;
        const error = ChatError.from(e);
        if (error.retryable) this.#lost(1006);
        else this.#stop(error, undefined);
      },
    );
  }

  #open(url: string, generation: number): void {
    const mine = (): boolean => generation === this.#generation;
    this.#heardMs = this.#clock.monotonicMs();
    this.#awaitReady(READY_TIMEOUT_MS);
    this.#connection = this.#openSocket(url, {
      open: () => {
        if (mine() && this.#resuming) this.#sendResume();
      },
      message: (text) => {
        if (mine()) this.#message(text);
      },
      closed: (code) => {
        if (mine()) this.#lost(code);
      },
    });
  }

  #awaitReady(ms: number): void {
    this.#readyTimer = this.#clock.after(ms, () => {
      const leftMs = this.#heardMs + READY_TIMEOUT_MS - this.#clock.monotonicMs();
      if (leftMs > 0) this.#awaitReady(leftMs);
      else this.#drop('not ready in time');
    });
  }

  #sendResume(): void {
    const topics = [...this.#feed.resumable()];
    for (let at = 0; at === 0 || at < topics.length; at += RESUME_TOPICS_PER_FRAME) {
      const part = Object.fromEntries(topics.slice(at, at + RESUME_TOPICS_PER_FRAME));
      const more = at + RESUME_TOPICS_PER_FRAME < topics.length;
      this.#send({ type: 'resume', token: this.#resumeToken, topics: part, ...(more ? { more } : {}) });
    }
  }

  /** Gives the present socket up: the server may be gone, or has left something out. */
  #drop(reason: string): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#lost(SILENT);
    connection.close(SILENT, reason);
  }

  #lost(code: number): void {
    const wasReady = this.#state === 'ready';
    this.#generation++;
    this.#connection = undefined;
    this.#clearTimers();
    this.#posts.disconnected();
    this.#feed.disconnected();
    if (wasReady) this.#options.record?.({ kind: 'disconnected', code });
    if (!shouldReconnect(code)) {
      this.#stop(new ChatError(STOP_REASONS[code] ?? 'invalid_auth'), code);
      return;
    }
    if (this.#state === 'stopped') return;
    if (!wasReady) this.#counts.connectFailures++;
    const planned = this.#comeBackInMs;
    this.#comeBackInMs = undefined;
    // The edge of a session that was ready may well be all right: it is left only when it fails.
    if (!wasReady) this.#api.rotate();
    // The own cell's edge sends to it what its weight allows: back there, one would be shed again.
    else if (code === CLOSE.drain) this.#api.leave();
    const delay = planned ?? backoffMs(this.#failures, this.#random);
    this.#failures++;
    this.#setState('waiting', code);
    this.#retry = this.#clock.after(delay, () => this.#attempt());
  }

  #stop(error: ChatError, code: number | undefined): void {
    if (this.#state === 'stopped') return;
    this.#setState('stopped', code);
    this.#generation++;
    this.#retry?.cancel();
    this.#clearTimers();
    this.#connection?.close(1000, 'closed');
    this.#connection = undefined;
    this.#posts.fail(error);
    this.#connected?.reject(error);
  }

  // frames

  #message(text: string): void {
    this.#options.onRaw?.(text);
    this.#heardMs = this.#clock.monotonicMs();
    this.#pong?.cancel();
    this.#pong = undefined;
    const frame = parseFrame(text);
    if (frame === undefined) this.#drop('not a JSON object');
    else if (frame.type === 'pong') return;
    else if (frame.reply_to !== undefined) this.#posts.reply(frame);
    else if (!this.#sessionFrame(frame)) this.#feed.frame(frame, text);
  }

  /** Frames about the session itself. False for any other. */
  #sessionFrame(frame: Frame): boolean {
    switch (frame.type) {
      case 'hello':
        this.#hello(frame);
        return true;
      case 'boot':
        this.#feed.boot(frame);
        this.#ready();
        return true;
      case 'resumed':
        this.#counts.resumes++;
        this.#options.record?.({ kind: 'resumed', replayed: Number(frame.replayed) });
        this.#ready();
        return true;
      case 'goodbye':
        if (typeof frame.resume_token === 'string') this.#resumeToken = frame.resume_token;
        this.#comeBackInMs = Number(frame.reconnect_in_ms) || 0;
        this.#timers.push(this.#clock.after(GOODBYE_TIMEOUT_MS, () => this.#drop('not closed after a goodbye')));
        return true;
      case 'error':
        this.#error(frame);
        return true;
      default:
        return false;
    }
  }

  #hello(frame: Frame): void {
    this.#resumeToken = String(frame.resume_token);
    const pingMs = Math.min(Number(frame.heartbeat_ms) || LIMITS.heartbeatMs, MAX_PING_MS);
    this.#timers.push(this.#clock.every(pingMs, () => this.#ping()));
  }

  #ready(): void {
    this.#failures = 0;
    this.#readyTimer?.cancel();
    if (!this.#resuming && this.#feed.generation > 1) this.#counts.reconnects++;
    this.#setState('ready', undefined);
    this.#connected?.resolve();
    this.#posts.flush();
  }

  #ping(): void {
    this.#pong ??= this.#clock.after(PONG_TIMEOUT_MS, () => this.#drop('no pong'));
    this.#send({ type: 'ping', id: 0 });
  }

  #error(frame: Frame): void {
    const { code } = (frame.error ?? {}) as { code?: unknown };
    // A new session takes the place of the old one; the feed reads what lies between from the history.
    if (code === 'resume_invalid') this.#resumeToken = undefined;
  }

  #send(frame: Frame): void {
    this.#connection?.send(JSON.stringify(frame));
  }

  #clearTimers(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.#readyTimer?.cancel();
    this.#pong?.cancel();
    this.#pong = undefined;
  }

  #setState(state: ClientState, code: number | undefined): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.onState?.(state, code);
  }
}

const STOP_REASONS: Readonly<Record<number, ErrorCode>> = {
  [CLOSE.authRevoked]: 'invalid_auth',
  [CLOSE.workspaceSuspended]: 'team_access_not_granted',
  [CLOSE.badFrame]: 'bad_frame',
  [CLOSE.tooLarge]: 'frame_too_large',
  [CLOSE.rateAbused]: 'rate_limited_socket',
};

const webSocketUrl = (edge: string): string => edge.replace(/^http/, 'ws').replace(/\/$/, '');

function parseFrame(text: string): Frame | undefined {
  try {
    const frame: unknown = JSON.parse(text);
    return typeof frame === 'object' && frame !== null ? (frame as Frame) : undefined;
  } catch {
    return undefined;
  }
}

function uuid(random: Random): string {
  const h = random.hex(16);
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-a${h.slice(17, 20)}-${h.slice(20)}`;
}
