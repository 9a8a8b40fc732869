/**
 * The calls of this process to one topic, in order. They are pipelined on one link; on a refusal or a lost link all
 * that are unanswered are sent again, in order, to the owner as it is known then.
 *
 * What keeps the order: each send of the queue carries a new, higher attempt number, and a server that refused a
 * request of an attempt refuses every later one of that attempt on the link. So a call behind a refused one is never
 * taken before it.
 */
import type { Clock, Random, Timer } from '../../cells/contract/clock.ts';
import { ChatError, type ERRORS } from '../../cells/contract/errors.ts';
import type { TopicId, WorkspaceId } from '../../cells/contract/ids.ts';
import type { Trace } from '../protocol/frames.ts';
import type { Operation, Response } from '../protocol/operations.ts';
import { backoffMs } from './backoff.ts';
import type { Answer, PeerLink } from './peer-link.ts';
import { isRefusal } from './refusals.ts';

export interface QueuedCall {
  op: Operation;
  /** The request's JSON bytes, made once. */
  body: Uint8Array;
  trace: Trace | undefined;
  timeoutMs: number;
  workspace: WorkspaceId;
  resolve(result: unknown): void;
  reject(error: ChatError): void;
}

export interface Picked {
  peer: PeerLink | undefined;
  /** The owner's link, up or not: whom to blame when it is late. */
  owner: PeerLink | undefined;
  epoch: number;
}

/** What the queues and subscriptions of a client share. */
export interface Routing {
  readonly clock: Clock;
  readonly random: Random;
  /** A link that is up: to the slot's owner, else to who may know more. `epoch` is the slot's as known. */
  pick(ring: string, slot: number): Picked;
  /** Takes note of a MOVED. True when it was news: then everything of the slot has been rerouted already. */
  moved(response: Response): boolean;
  nextAttempt(): number;
  /** A call that takes longer has failed for whoever waits for it, whatever the answer is. In ms. */
  readonly slowMs: number;
}

const RETRY_BASE_MS = 20;
const RETRY_MAX_MS = 500;
const MAX_QUEUED = 10_000;

interface Entry {
  call: QueuedCall;
  timer: Timer | undefined;
  settled: boolean;
  pushedMs: number;
  /** The owner as it was known when the call came: a slow answer is its fault, whoever gives it in the end. */
  owner: PeerLink | undefined;
  /** Its outcome is in the load report: each call counts once. */
  counted: boolean;
}

export class TopicQueue {
  readonly ring: string;
  readonly topic: TopicId;
  readonly slot: number;
  readonly #routing: Routing;
  readonly #onEmpty: () => void;
  #entries: Entry[] = [];
  /** Who is asked: the owner, or while its link is down whoever may know more. */
  #peer: PeerLink | undefined;
  #owner: PeerLink | undefined;
  #epoch = 0;
  #attempt = 0;
  #failures = 0;
  #retry: Timer | undefined;

  constructor(at: { ring: string; topic: TopicId; slot: number }, routing: Routing, onEmpty: () => void) {
    this.ring = at.ring;
    this.topic = at.topic;
    this.slot = at.slot;
    this.#routing = routing;
    this.#onEmpty = onEmpty;
  }

  push(call: QueuedCall): void {
    if (this.#entries.length >= MAX_QUEUED) {
      call.reject(new ChatError('overloaded', { topic: this.topic }));
      return;
    }
    const pushedMs = this.#routing.clock.monotonicMs();
    const owner = this.#peer === undefined ? this.#routing.pick(this.ring, this.slot).owner : this.#owner;
    const entry: Entry = { call, timer: undefined, settled: false, pushedMs, owner, counted: false };
    entry.timer = this.#routing.clock.after(call.timeoutMs, () => {
      this.#count(entry, entry.owner, false);
      this.#settle(entry, () => call.reject(new ChatError('deadline_exceeded', { ms: call.timeoutMs })));
    });
    this.#entries.push(entry);
    if (this.#peer !== undefined) this.#send(entry, this.#peer);
    else if (this.#retry === undefined) this.#start();
  }

  /** The slot's route changed, or a link came up. */
  reroute(): void {
    if (this.#entries.length === 0) return;
    const { peer, epoch } = this.#routing.pick(this.ring, this.slot);
    if (peer === undefined || (peer === this.#peer && epoch === this.#epoch)) return;
    this.#start();
  }

  /** Counts the calls that are open and slow already, so that one that hangs is known long before its deadline. */
  countSlow(nowMs: number): void {
    for (const entry of this.#entries) {
      if (nowMs - entry.pushedMs <= this.#routing.slowMs) return; // in the order in which they came
      this.#count(entry, entry.owner, false);
    }
  }

  fail(error: ChatError): void {
    for (const entry of [...this.#entries]) this.#settle(entry, () => entry.call.reject(error));
  }

  #start(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    const { peer, owner, epoch } = this.#routing.pick(this.ring, this.slot);
    this.#peer = peer;
    this.#owner = owner;
    this.#epoch = epoch;
    this.#attempt = this.#routing.nextAttempt();
    if (peer === undefined) {
      this.#startLater();
      return;
    }
    for (const entry of [...this.#entries]) {
      if (this.#peer !== peer) return; // lost while sending
      this.#send(entry, peer);
    }
  }

  #startLater(): void {
    this.#peer = undefined;
    if (this.#retry !== undefined || this.#entries.length === 0) return;
    const delay = backoffMs(this.#failures++, RETRY_BASE_MS, RETRY_MAX_MS, this.#routing.random);
    this.#retry = this.#routing.clock.after(delay, () => {
      this.#retry = undefined;
      this.#start();
    });
  }

  #send(entry: Entry, peer: PeerLink): void {
    const attempt = this.#attempt;
    const { topic, slot } = this;
    peer.request({ topic, slot, epoch: this.#epoch, attempt, trace: entry.call.trace }, entry.call.body, (answer) =>
      this.#answered(entry, { attempt, peer }, answer),
    );
  }

  /** Once a call: it failed for a reason that lies with peer or path, or it was answered, though perhaps slowly. */
  #count(entry: Entry, peer: PeerLink | undefined, answered: boolean): void {
    if (entry.counted) return;
    entry.counted = true;
    const latencyMs = this.#routing.clock.monotonicMs() - entry.pushedMs;
    const { workspace } = entry.call;
    if (!answered) peer?.load?.failed(1, latencyMs, workspace);
    else if (latencyMs > this.#routing.slowMs) (entry.owner ?? peer)?.load?.failed(1, latencyMs, workspace);
    else peer?.load?.succeeded(1, latencyMs, workspace);
  }

  #answered(entry: Entry, { attempt, peer }: { attempt: number; peer: PeerLink }, answer: Answer): void {
    if (entry.settled) return;
    if (answer === undefined || (!answer.ok && FAILURES.has(answer.error.code))) this.#count(entry, peer, false);
    // A success counts whichever attempt it answers; a refusal only if it refuses the present one.
    if (answer?.ok) {
      this.#failures = 0;
      this.#count(entry, peer, true);
      this.#settle(entry, () => entry.call.resolve(answer.result));
      return;
    }
    if (attempt !== this.#attempt) return;
    if (answer !== undefined && !isRefusal(answer)) {
      this.#failures = 0;
      const { code, details } = answer.error;
      this.#count(entry, peer, true);
      this.#settle(entry, () => entry.call.reject(new ChatError(code, details)));
      return;
    }
    const voided = this.#routing.nextAttempt(); // answers to what was sent so far refuse nothing any more
    this.#attempt = voided;
    const news = answer !== undefined && this.#routing.moved(answer);
    if (this.#attempt !== voided) return; // rerouted by the news already
    if (news) this.#start();
    else this.#startLater();
  }

  #settle(entry: Entry, finish: () => void): void {
    if (entry.settled) return;
    entry.settled = true;
    entry.timer?.cancel();
    const index = this.#entries.indexOf(entry);
    if (index === 0) this.#entries.shift();
    else if (index > 0) this.#entries.splice(index, 1);
    if (this.#entries.length === 0) {
      this.#retry?.cancel();
      this.#retry = undefined;
      this.#onEmpty();
    }
    finish();
  }
}

/** What lies with the server or the path to it. `moved`, `not_ready` and `fenced` are how slots move, and no failure. */
const FAILURES: ReadonlySet<string> = new Set<keyof typeof ERRORS>([
  'store_unavailable',
  'overloaded',
  'service_unavailable',
  'internal_error',
  'deadline_exceeded',
]);
