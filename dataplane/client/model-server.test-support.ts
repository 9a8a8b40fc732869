/** A chat service as the protocol describes it, in memory, with seeded faults: what the client is tested against. */
import type { Random } from '../../cells/contract/clock.ts';
import type { ManualClock } from './client.test-support.ts';
import { CHANNEL, type Frame, ME, message, ServerSide, TEAM } from './client.test-support.ts';
import { type LogRow, payloadHash } from './history/index.ts';
import { HttpFailure, type HttpRequest, type HttpResponse } from './transport.ts';

const CUTS = [1006, 1011, 4000, 4001, 4002, 4003];
const MAX_REPLAY = 6;
export const CHANNELS = [CHANNEL, 'C6'] as const;

interface Session {
  socket: ServerSide;
  /** Last seq sent of each channel. */
  sent: Map<string, number>;
  /** Own posts whose event is not echoed: seqs by channel. */
  own: Map<string, number>;
}

export class ModelServer {
  readonly log = new Map<string, string[]>(CHANNELS.map((c) => [c, []]));
  readonly #clock: ManualClock;
  readonly #random: Random;
  #session: Session | undefined;
  #tokens = 0;
  #others = 0;
  /** Probability of each fault, where there is a chance for one. */
  faults = 0.1;

  constructor(clock: ManualClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    for (const channel of CHANNELS) this.#append(channel, { type: 'member_joined_channel', user: ME });
  }

  readonly openSocket = ServerSide.factory((socket) => this.#later(() => this.#accept(socket)));

  http = async (request: HttpRequest): Promise<HttpResponse> => {
    if (this.#fault()) throw new HttpFailure(this.#fault(), undefined);
    if (this.#fault()) return { status: 502, retryAfterS: undefined, body: '<html>' };
    const args = JSON.parse(request.body) as { channel: string; latest?: string; cursor?: string; limit: number };
    const body = request.url.endsWith('history')
      ? this.#history(args)
      : { ok: true, url: `ws://edge/ws?ticket=${this.#tokens}` };
    return { status: 200, retryAfterS: undefined, body: JSON.stringify(body) };
  };

  /** Somebody else posts. */
  say(channel: string): void {
    this.#append(channel, { user: 'U8', client_msg_id: `other-${++this.#others}` });
    this.#fanOut();
  }

  cut(): void {
    const session = this.#session;
    this.#session = undefined;
    session?.socket.close(CUTS[Math.floor(this.#random.next() * CUTS.length)]!);
  }

  rows(): LogRow[] {
    return [...this.log].flatMap(([topic, texts]) =>
      texts.map((text, i): LogRow => {
        const { type, user, ts, client_msg_id } = JSON.parse(text) as Record<string, string>;
        return {
          topic,
          workspace: TEAM,
          seq: i + 1,
          epoch: 1,
          ts: ts!,
          type: type!,
          user: user!,
          hash: payloadHash(text),
          ...(client_msg_id === undefined ? {} : { client_msg_id }),
          ...(type === 'member_joined_channel' ? { member: { user: user!, joined: true } } : {}),
        };
      }),
    );
  }

  #fault = (): boolean => this.#random.next() < this.faults;
  #later(fn: () => void): void {
    this.#clock.after(Math.floor(this.#random.next() * 40), fn);
  }

  #append(channel: string, fields: Frame): number {
    const texts = this.log.get(channel)!;
    return texts.push(JSON.stringify(message(texts.length + 1, { channel, ...fields })));
  }

  #history({
    channel,
    latest,
    cursor,
    limit,
  }: {
    channel: string;
    latest?: string;
    cursor?: string;
    limit: number;
  }): Frame {
    const below = Number(cursor ?? Number(latest ?? Number.POSITIVE_INFINITY) + 1);
    const all = this.log.get(channel)!.map((text) => JSON.parse(text) as Frame & { seq: number });
    const messages = all.filter((m) => m.type === 'message' && m.seq < below).reverse();
    const page = messages.slice(0, Math.min(limit, 5));
    const next = page.length < messages.length ? { response_metadata: { next_cursor: String(page.at(-1)!.seq) } } : {};
    return { ok: true, messages: page, has_more: page.length < messages.length, ...next };
  }

  #accept(socket: ServerSide): void {
    if (this.#fault()) {
      socket.close(1006);
      return;
    }
    socket.onFrame = (frame) => this.#later(() => this.#frame(socket, frame));
    socket.open();
    if (socket.url.includes('ticket')) this.#later(() => this.#begin(socket, undefined));
  }

  #frame(socket: ServerSide, frame: Frame): void {
    if (socket.closedWith !== undefined) return;
    if (frame.type === 'ping') socket.send({ type: 'pong', reply_to: frame.id });
    else if (frame.type === 'message') this.#post(frame);
    else if (frame.type === 'resume') {
      if (this.#fault()) {
        socket.send({ type: 'error', error: { code: 'resume_invalid' } });
        socket.close(4000);
      } else this.#begin(socket, frame.topics as Record<string, number>);
    }
  }

  #begin(socket: ServerSide, known: Record<string, number> | undefined): void {
    if (socket.closedWith !== undefined) return;
    socket.send({ type: 'hello', resume_token: `t${++this.#tokens}`, heartbeat_ms: 30_000 });
    if (this.#fault()) {
      socket.close(1006);
      return;
    }
    const head = (channel: string): number => this.log.get(channel)!.length;
    const sent = new Map<string, number>(CHANNELS.map((c) => [c, known?.[c] ?? head(c)]));
    this.#session = { socket, sent, own: new Map() };
    if (known === undefined) {
      const channels = CHANNELS.map((id) => ({ id, seq: head(id) }));
      socket.send({ type: 'boot', self: { id: ME }, channels, topics: {} });
      return;
    }
    for (const channel of CHANNELS) {
      const after = sent.get(channel)!;
      if (head(channel) - after <= MAX_REPLAY) continue;
      sent.set(channel, head(channel));
      const [oldest, latest] = [`${after}.000000`, `${head(channel)}.000000`];
      socket.send({ type: 'gap', channel, oldest, latest, oldest_seq: after, latest_seq: head(channel) });
    }
    this.#fanOut();
    socket.send({ type: 'resumed', replayed: 0 });
  }

  #post({ id, channel, text, client_msg_id }: Frame): void {
    const key = String(client_msg_id);
    const topic = String(channel);
    if (this.#fault()) {
      this.#session?.socket.send({ ok: false, reply_to: id, error: { code: 'not_ready' } });
      return;
    }
    const stored = this.log.get(topic)!.findIndex((row) => row.includes(`"client_msg_id":"${key}"`)) + 1;
    const seq = stored || this.#append(topic, { user: ME, text, client_msg_id: key });
    if (this.#fault()) this.cut(); // stored, and nobody hears of it
    const session = this.#session;
    if (session === undefined) return;
    // Events below the own post, then its ack, then what is above.
    session.own.set(topic, seq);
    this.#fanOut();
    session.socket.send({ ok: true, reply_to: id, ts: `${seq}.000000`, seq });
    session.own.delete(topic);
    this.#fanOut();
  }

  /** Sends what the session lacks. An own post that awaits its ack stops its topic. */
  #fanOut(): void {
    const session = this.#session;
    if (session === undefined) return;
    for (const [channel, last] of session.sent) {
      const texts = this.log.get(channel)!;
      const stop = session.own.get(channel) ?? Number.POSITIVE_INFINITY;
      const upTo = Math.max(last, Math.min(texts.length, stop));
      session.sent.set(channel, upTo);
      for (let seq = last + 1; seq <= upTo; seq++) {
        if (seq === stop || this.#fault()) continue; // its ack stands for it; or: something of ours is lost
        session.socket.send(texts[seq - 1]!);
        if (this.#fault()) session.socket.send(texts[seq - 1]!);
      }
    }
  }
}
