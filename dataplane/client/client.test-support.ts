/** Time, chance and a server, all in memory and deterministic: for tests of the client's core. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock, Random, Timer } from '../../cells/contract/clock.ts';
import { ChatClient, type ChatClientOptions } from './chat-client.ts';
import type { ClientEvent } from './feed.ts';
import type { HistoryRecord } from './history/index.ts';
import type { ConnectionHandlers, HttpRequest, HttpResponse, OpenSocket } from './transport.ts';

export class ManualClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #timers = new Set<{ at: number; order: number; fn: () => void }>();

  wallMs = (): number => 1_700_000_000_000 + this.#now;
  monotonicMs = (): number => this.#now;
  after = (delayMs: number, fn: () => void): Timer => {
    const timer = { at: this.#now + Math.max(0, delayMs), order: this.#order++, fn };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  };
  every = (periodMs: number, fn: () => void): Timer => {
    let timer: Timer;
    const arm = (): void => {
      timer = this.after(periodMs, () => {
        arm();
        fn();
      });
    };
    arm();
    return { cancel: () => timer.cancel() };
  };

  /** Lets `ms` pass: every timer in it runs in its turn, promises are settled in between. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await turn();
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (next === undefined || next.at > end) break;
      this.#timers.delete(next);
      this.#now = next.at;
      next.fn();
      await turn();
    }
    this.#now = end;
  }
}

/** mulberry32. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const byte = (): string =>
    Math.floor(next() * 256)
      .toString(16)
      .padStart(2, '0');
  return { next, hex: (n) => Array.from({ length: n }, byte).join('') };
}

export type Frame = Record<string, unknown>;

/** A socket that the client opened, from the other side. */
export class ServerSide {
  readonly url: string;
  readonly got: Frame[] = [];
  readonly #handlers: ConnectionHandlers;
  /** Code with which either side has closed it. */
  closedWith: number | undefined;
  /** Called for each frame of the client. */
  onFrame: (frame: Frame) => void = () => undefined;

  constructor(url: string, handlers: ConnectionHandlers) {
    this.url = url;
    this.#handlers = handlers;
  }

  open(): void {
    this.#handlers.open();
  }
  send(frame: Frame | string): void {
    if (this.closedWith === undefined)
      this.#handlers.message(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }
  close(code: number): void {
    if (this.closedWith !== undefined) return;
    this.closedWith = code;
    this.#handlers.closed(code, '');
  }
  /** The close event of a socket that the client has given up long ago. */
  closedLate(code: number): void {
    this.#handlers.closed(code, '');
  }
  frames(type: string): Frame[] {
    return this.got.filter((f) => f.type === type);
  }

  static factory(accept: (socket: ServerSide) => void): OpenSocket {
    return (url, handlers) => {
      const socket = new ServerSide(url, handlers);
      accept(socket);
      return {
        send: (text) => {
          if (socket.closedWith !== undefined) return;
          const frame = JSON.parse(text) as Frame;
          socket.got.push(frame);
          socket.onFrame(frame);
        },
        close: (code) => {
          socket.closedWith ??= code;
        },
      };
    };
  }
}

export const ME = 'U4';
export const CHANNEL = 'C5';
export const TEAM = 'T9';

/** A client on a manual clock whose sockets and requests the test answers itself. */
export class Bench {
  readonly clock = new ManualClock();
  readonly sockets: ServerSide[] = [];
  readonly requests: HttpRequest[] = [];
  readonly client: ChatClient;
  /** Answers of the Web API by method; rtm.connect is there. `httpStatus` is 200 unless it says otherwise. */
  readonly methods: Record<string, (args: Frame) => Frame | Promise<Frame>> = {
    'rtm.connect': () => ({ ok: true, url: 'ws://edge-of-ticket/ws?ticket=t' }),
  };

  constructor(options: Partial<ChatClientOptions> = {}, seed = 1) {
    this.client = new ChatClient({
      edges: ['http://a', 'http://b'],
      token: 'bearer',
      clock: this.clock,
      random: seededRandom(seed),
      openSocket: ServerSide.factory((socket) => this.sockets.push(socket)),
      http: (request) => this.#http(request),
      ...options,
    });
  }

  get socket(): ServerSide {
    return this.sockets.at(-1)!;
  }

  async #http(request: HttpRequest): Promise<HttpResponse> {
    this.requests.push(request);
    const answer = await this.methods[request.url.replace(/^.*\/api\//, '')]!(JSON.parse(request.body) as Frame);
    const { httpStatus = 200, ...body } = answer;
    return { status: Number(httpStatus), retryAfterS: undefined, body: JSON.stringify(body) };
  }

  /** From `connect` to a session with one channel at `seq`. */
  async start(seq = 0): Promise<ServerSide> {
    void this.client.connect();
    await this.clock.pass(0);
    this.greet();
    this.boot(seq);
    return this.socket;
  }

  greet(token = `resume-${this.sockets.length}`): void {
    this.socket.open();
    this.socket.send({ type: 'hello', session_id: 's', resume_token: token, heartbeat_ms: 30_000 });
  }
  boot(seq: number): void {
    this.socket.send({
      type: 'boot',
      self: { id: ME },
      team: {},
      channels: [{ id: CHANNEL, seq }],
      topics: { [ME]: 1, [TEAM]: 1 },
    });
  }
  message(seq: number, more: Frame = {}): void {
    this.socket.send(message(seq, more));
  }
}

export const message = (seq: number, more: Frame = {}): Frame => ({
  type: 'message',
  channel: CHANNEL,
  user: 'U8',
  text: `m${seq}`,
  ts: `${seq}.000000`,
  seq,
  ...more,
});

/** A bench that keeps what its client hands out. */
export const watched = (): { seen: ClientEvent[]; records: HistoryRecord[]; bench: Bench } => {
  const seen: ClientEvent[] = [];
  const records: HistoryRecord[] = [];
  return { seen, records, bench: new Bench({ onEvent: (e) => seen.push(e), record: (r) => records.push(r) }) };
};
/** Of the bench's channel. */
export const seqs = (seen: readonly ClientEvent[]): unknown[] =>
  seen.filter((e) => e.topic === CHANNEL).map((e) => e.seq);
