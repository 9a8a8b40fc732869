/**
 * The dialling end of a link to one channel server: keeps it connected, proves it alive by pings, and matches
 * responses to requests. A link counts as up only after the peer's hello: the kernel accepts connections for a
 * stopped process too.
 */
import type { Clock, Random, Timer } from '../../cells/contract/clock.ts';
import type { RouteMember } from '../../cells/contract/control.ts';
import { isErrorCode } from '../../cells/contract/errors.ts';
import type { TopicId } from '../../cells/contract/ids.ts';
import type { LoadCounters, PeerLoad } from '../../cells/contract/lrs/index.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { bodyOf, decodeHeader, encodeFrame, FLAG, type Header, KIND, type Trace } from '../protocol/frames.ts';
import type { Hello, Response } from '../protocol/operations.ts';
import type { Link, LinkTransport } from '../protocol/transport.ts';
import { backoffMs } from './backoff.ts';

export const PING_MS = 500;
/** Silent for this long: the link counts as down. */
export const SILENT_MS = 2_000;
const RECONNECT_BASE_MS = 50;
const RECONNECT_MAX_MS = 2_000;

export interface PeerEvents {
  up(peer: PeerLink): void;
  down(peer: PeerLink): void;
  /** Events, transients and `owned`; the frame is valid only during the call. */
  frame(peer: PeerLink, header: Header, frame: Uint8Array): void;
}

export interface LinkEnvironment {
  transport: LinkTransport;
  clock: Clock;
  random: Random;
  log: Logger;
  hello: Hello;
  /** Counts what becomes of the calls to each peer, for the load reports. */
  loads?: LoadCounters;
}

/** The attempt of a request outside the topic's queue: it neither waits for the others nor holds them up. */
export const UNORDERED = 0;

export interface RequestHeader {
  topic: TopicId | undefined;
  slot: number;
  /** The slot's owner epoch as the asker knows it: a server that knows less reads the table first. */
  epoch: number;
  /** Number of the send of the topic's queue (see TopicQueue), or UNORDERED. Travels as the header's seq. */
  attempt: number;
  trace: Trace | undefined;
}

/** Undefined: the link was lost before the answer; the outcome is unknown. */
export type Answer = Response | undefined;

export class PeerLink {
  readonly address: string;
  readonly load: PeerLoad | undefined;
  readonly #env: LinkEnvironment;
  readonly #events: PeerEvents;
  readonly #pending = new Map<number, (answer: Answer, header: Header | undefined) => void>();
  #link: Link | undefined;
  #up = false;
  #closed = false;
  #failures = 0;
  #nextRequest = 1;
  #lastHeard = 0;
  #lastTick = 0;
  #timer: Timer | undefined;
  /** Event frames received on this link: told to the owner with each ping, so that it knows what has arrived. */
  #eventsReceived = 0;
  #pingedAt = 0;
  /** Of the last ping that was answered, in ms; 0 while there is none. */
  #roundTripMs = 0;

  constructor(
    { address, cell, zone }: Pick<RouteMember, 'address' | 'cell' | 'zone'>,
    env: LinkEnvironment,
    events: PeerEvents,
  ) {
    this.address = address;
    this.load = env.loads?.peer({ role: 'channel', address, cell, zone });
    this.#env = env;
    this.#events = events;
    this.#dial();
  }

  get up(): boolean {
    return this.#up;
  }

  /** `done` is called exactly once, in the order of the frames on the link. Must be up. */
  request(header: RequestHeader, body: Uint8Array, done: (answer: Answer, header: Header | undefined) => void): void {
    const requestId = this.#nextRequest;
    this.#nextRequest = requestId === 0xffff_ffff ? 1 : requestId + 1;
    this.#pending.set(requestId, done);
    const { attempt, ...rest } = header;
    this.#link?.send(encodeFrame({ kind: KIND.request, requestId, seq: attempt, ...rest }, body));
  }

  /** A request that nobody waits for an answer to: request id 0. Dropped when the link is down. */
  tell(header: Omit<RequestHeader, 'attempt'>, body: Uint8Array): void {
    this.send(encodeFrame({ kind: KIND.request, requestId: 0, seq: UNORDERED, ...header }, body));
  }

  /** Dropped when the link is down. */
  send(frame: Uint8Array): void {
    if (this.#up) this.#link?.send(frame);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#lost('closed');
  }

  #dial(): void {
    this.#env.transport.connect(this.address).then(
      (link) => (this.#closed ? link.close() : this.#connected(link)),
      (err: unknown) => {
        if (this.#failures === 0) this.#env.log.debug({ err, address: this.address }, 'link not made');
        this.#redial();
      },
    );
  }

  #redial(): void {
    if (this.#closed) return;
    const delay = backoffMs(this.#failures++, RECONNECT_BASE_MS, RECONNECT_MAX_MS, this.#env.random);
    this.#timer?.cancel();
    this.#timer = this.#env.clock.after(delay, () => this.#dial());
  }

  #connected(link: Link): void {
    this.#link = link;
    this.#lastHeard = this.#lastTick = this.#env.clock.monotonicMs();
    this.#eventsReceived = this.#pingedAt = this.#roundTripMs = 0;
    link.handle({
      frame: (frame) => {
        if (this.#link === link) this.#received(frame);
      },
      closed: (reason) => {
        if (this.#link === link) this.#lost(reason);
      },
    });
    link.send(encodeFrame({ kind: KIND.hello }, JSON.stringify(this.#env.hello)));
    this.#timer?.cancel();
    this.#timer = this.#env.clock.every(PING_MS, () => this.#tick());
  }

  #tick(): void {
    const now = this.#env.clock.monotonicMs();
    // This process itself was stopped or starved: what the peer sent meanwhile is still to be read.
    if (now - this.#lastTick > 2 * PING_MS) this.#lastHeard = now;
    this.#lastTick = now;
    if (now - this.#lastHeard >= SILENT_MS) {
      this.#lost('silent');
      return;
    }
    this.#ping(now);
  }

  #ping(now: number): void {
    const measured = this.#pingedAt === 0;
    // While an answer is outstanding the round trip is at least as long as the wait.
    const roundTripMs = measured ? this.#roundTripMs : Math.max(this.#roundTripMs, now - this.#pingedAt);
    if (measured) this.#pingedAt = now;
    this.#link?.send(
      encodeFrame({
        kind: KIND.ping,
        flags: FLAG.tellsArrived,
        seq: this.#eventsReceived,
        requestId: Math.min(0xffff_ffff, Math.round(roundTripMs * 1_000)),
      }),
    );
  }

  #received(frame: Uint8Array): void {
    this.#lastHeard = this.#env.clock.monotonicMs();
    const header = decodeHeader(frame);
    if (header === undefined) {
      this.#lost('unknown frame');
      return;
    }
    switch (header.kind) {
      case KIND.hello:
        if (this.#up) return;
        this.#up = true;
        this.#failures = 0;
        this.#events.up(this);
        return;
      case KIND.response:
        this.#answered(header, frame);
        return;
      case KIND.pong:
        if (this.#pingedAt > 0) this.#roundTripMs = this.#lastHeard - this.#pingedAt;
        this.#pingedAt = 0;
        return;
      default:
        if (header.kind === KIND.event) this.#eventsReceived++;
        this.#events.frame(this, header, frame);
    }
  }

  #answered(header: Header, frame: Uint8Array): void {
    const done = this.#pending.get(header.requestId);
    if (done === undefined) return;
    this.#pending.delete(header.requestId);
    done(toResponse(bodyOf(frame)), header);
  }

  #lost(reason: string): void {
    const link = this.#link;
    const wasUp = this.#up;
    this.#link = undefined;
    this.#up = false;
    this.#timer?.cancel();
    link?.close();
    if (wasUp) {
      this.#env.log.debug({ reason, address: this.address }, 'link down');
      this.#events.down(this);
    }
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const done of pending) done(undefined, undefined);
    this.#redial();
  }
}

/** A server of a later version may answer with a code that this one does not know. */
function toResponse(body: Buffer): Response {
  const response = JSON.parse(body.toString()) as Response;
  if (response.ok || isErrorCode(response.error.code)) return response;
  return { ok: false, error: { code: 'internal_error', details: { code: response.error.code } } };
}
