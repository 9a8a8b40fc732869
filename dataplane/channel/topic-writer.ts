/**
 * The durable operations of one topic, in order of arrival: looked up, decided in batches, at most one batch in
 * flight. What arrives meanwhile waits for the next.
 */
import { type Clock, type Random, sleep } from '../../cells/contract/clock.ts';
import { formatTs } from '../../cells/contract/ids.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { backoffMs } from '../links/backoff.ts';
import type { Response } from '../protocol/operations.ts';
import type { Plant, Plants } from '../protocol/plants.ts';
import type { LogEntry, Store, StoredEvent } from '../storage/store.ts';
import { decide } from './decide.ts';
import { Draft, type DraftEvent } from './draft.ts';
import type { Topic } from './topic.ts';
import { internalFailure, keyOf, knownEnough, lookUp, postedOf, readsMessage, type WriteOp } from './write-op.ts';

const MAX_BATCH_ROWS = 256;
/** Of payload, in UTF-16 units. A batch of all topics together must fit into a packet of the store: 64 MiB in MySQL. */
const MAX_BATCH_CHARS = 1024 * 1024;
const MAX_CONFLICTS = 5;
/** More rows than any batch of ours has. */
const FOUND_PER_READ = 1_000;
const RETRY_BASE_MS = 50;
const RETRY_MAX_MS = 1_000;

/** An operation as decided: its answer, and its events' place in the batch. */
export interface Decided {
  op: WriteOp;
  response: Response;
  events: readonly DraftEvent[];
}

/** What the payloads take, in UTF-16 units. */
export const charsOf = (entries: readonly LogEntry[]): number => entries.reduce((n, e) => n + e.payload.length, 0);

export interface WriterEnvironment {
  store: Store;
  clock: Clock;
  random: Random;
  log: Logger;
  plants: Plants;
  /** The topic has operations that can be decided. */
  offer(writer: TopicWriter): void;
  /** The events are stored, in this order: answer, fan out, project. Synchronous. */
  committed(topic: Topic, decided: readonly Decided[]): void;
  /** Events of ours that are in the log although their append was not known to have committed. Synchronous. */
  found(topic: Topic, events: readonly StoredEvent[]): void;
  /** The slot is not ours (any more). */
  refusal(topic: Topic): Response;
  /** Only as a planted bug: fans out what may never be stored. */
  plantFanOut(topic: Topic, decided: readonly Decided[]): void;
}

export class TopicWriter {
  readonly topic: Topic;
  readonly #env: WriterEnvironment;
  #queue: WriteOp[] = [];
  #inFlight: Decided[] | undefined;
  #lookingUp = false;
  /** So many operations are to be written one by one: one of them is bad. */
  #solo = 0;
  #idleWaiters: (() => void)[] = [];

  constructor(topic: Topic, env: WriterEnvironment) {
    this.topic = topic;
    this.#env = env;
  }

  get busy(): boolean {
    return this.#queue.length > 0 || this.#inFlight !== undefined;
  }

  push(op: WriteOp): void {
    if (this.topic.dropped) {
      op.respond(this.#env.refusal(this.topic));
      return;
    }
    this.#queue.push(op);
    this.#advance();
  }

  /** Resolves when nothing is queued or in flight. */
  idle(): Promise<void> {
    if (!this.busy) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** The claim is gone: what is not in flight is refused. What is in flight is answered by its outcome. */
  drop(): void {
    const refusal = this.#env.refusal(this.topic);
    for (const op of this.#queue.splice(0)) op.respond(refusal);
    this.#settled();
  }

  /** Only as a planted bug: answers what is queued as if it were stored. */
  plantLostOnMove(): void {
    for (const op of this.#queue.splice(0)) {
      const { seq, ts } = this.topic.head;
      op.respond({ ok: true, result: { seq: seq + 1, ts: formatTs(ts + 1n), duplicate: false } });
    }
  }

  /** Only as planted bugs: answers or fans out what the fence has just refused. */
  plantFenced(): void {
    this.#plant('frozen-owner-acks', 'stale-owner-fanout');
  }

  #plant(acks: Plant, fansOut: Plant): void {
    const { plants, plantFanOut } = this.#env;
    if (plants.has(acks)) for (const { op, response } of this.#inFlight ?? []) op.respond(response);
    if (plants.has(fansOut)) plantFanOut(this.topic, this.#inFlight ?? []);
  }

  /** Decides what is ready, as one batch. Undefined when there is nothing to store. */
  take(): LogEntry[] | undefined {
    if (this.#inFlight !== undefined || this.topic.dropped) return undefined;
    const draft = new Draft(this.topic, BigInt(Math.floor(this.#env.clock.wallMs() * 1_000)));
    const decided: Decided[] = [];
    let chars = 0;
    for (let op = this.#queue[0]; op !== undefined; op = this.#queue[0]) {
      const full = draft.events.length >= MAX_BATCH_ROWS || chars >= MAX_BATCH_CHARS || this.#solo > 0;
      if ((full && decided.length > 0) || !this.#isReady(op) || (readsMessage(op) && decided.length > 0)) break;
      const before = draft.events.length;
      const response = this.#decide(draft, op);
      if (response === undefined) {
        // The bad operation is out; the others are decided anew, without its traces in the draft.
        this.#queue.unshift(...decided.map((d) => d.op));
        return this.take();
      }
      this.#queue.shift();
      if (this.#solo > 0) this.#solo--;
      const events = draft.events.slice(before);
      chars += charsOf(events.map((e) => e.entry));
      decided.push({ op, response, events });
    }
    if (decided.length === 0) return undefined;
    this.#inFlight = decided;
    this.#plant('ack-before-store', 'fan-out-before-store');
    if (draft.events.length > 0) return draft.events.map((e) => e.entry);
    this.committed();
    return undefined;
  }

  /** The batch is in the log. */
  committed(): void {
    const decided = this.#inFlight ?? [];
    this.#inFlight = undefined;
    this.#env.committed(this.topic, decided);
    this.#settled();
    this.#advance();
  }

  /** The fence named a newer owner. */
  refused(): void {
    const refusal = this.#env.refusal(this.topic);
    for (const { op } of this.#inFlight ?? []) op.respond(refusal);
    this.#inFlight = undefined;
    this.#settled();
  }

  /** Nothing of the batch is stored, because its numbers or a key were taken: reads them again and decides anew. */
  async conflicted(): Promise<void> {
    const { store, clock, random } = this.#env;
    for (let failures = 0; ; failures++) {
      try {
        const rows = await store.log.read(this.topic.topic, this.topic.head.seq, FOUND_PER_READ);
        await this.#findKeys();
        this.#env.found(this.topic, rows);
        if (rows.length < FOUND_PER_READ) break;
      } catch {
        await sleep(clock, backoffMs(failures, RETRY_BASE_MS, RETRY_MAX_MS, random));
        if (this.topic.dropped) break;
      }
    }
    this.#requeue((op) => ++op.conflicts > MAX_CONFLICTS);
  }

  /** Nothing of the batch is stored, because the store cannot take it. Written one by one, the bad one is found. */
  failed(e: unknown): void {
    const decided = this.#inFlight ?? [];
    if (decided.length === 1) {
      this.#env.log.error({ err: e, topic: this.topic.topic, op: decided[0]!.op.request.op }, 'operation not stored');
      decided[0]!.op.respond(internalFailure(e));
      this.#inFlight = undefined;
      this.#settled();
      this.#advance();
      return;
    }
    this.#solo = decided.length;
    this.#requeue(() => false);
  }

  /** Whether the claim of the batch in flight is gone. */
  get abandoned(): boolean {
    return this.topic.dropped;
  }

  #isReady(op: WriteOp): boolean {
    if (knownEnough(op, this.topic)) return true;
    // Known once, but forgotten meanwhile.
    if (op.ready && this.topic.isChannel && this.topic.channel !== undefined) op.ready = false;
    return op.ready;
  }

  #decide(draft: Draft, op: WriteOp): Response | undefined {
    try {
      return decide(draft, op);
    } catch (e: unknown) {
      this.#env.log.error({ err: e, topic: this.topic.topic, op: op.request.op }, 'operation not understood');
      this.#queue = this.#queue.filter((other) => other !== op);
      op.respond(internalFailure(e));
      return undefined;
    }
  }

  #advance(): void {
    const first = this.#queue[0];
    if (first === undefined) return;
    if (this.#isReady(first)) this.#env.offer(this);
    if (!this.#lookingUp) void this.#lookUpAll();
  }

  async #lookUpAll(): Promise<void> {
    this.#lookingUp = true;
    const { store, clock, random } = this.#env;
    for (let failures = 0; !this.topic.dropped; ) {
      const wanted = this.#queue.filter((op, i) => !this.#isReady(op) && (!readsMessage(op) || this.#mayRead(i)));
      if (wanted.length === 0) break;
      try {
        await Promise.all(wanted.map((op) => lookUp(op, this.topic, store)));
        for (const op of wanted) op.ready = true;
        failures = 0;
      } catch (e: unknown) {
        // Held rather than refused one by one: what is behind must not overtake.
        if (failures === 0) this.#env.log.warn({ err: e, topic: this.topic.topic }, 'look-up failed, trying again');
        await sleep(clock, backoffMs(failures++, RETRY_BASE_MS, RETRY_MAX_MS, random));
      }
      if (this.#queue[0] !== undefined && this.#isReady(this.#queue[0])) this.#env.offer(this);
    }
    this.#lookingUp = false;
  }

  #mayRead(index: number): boolean {
    return index === 0 && this.#inFlight === undefined;
  }

  async #findKeys(): Promise<void> {
    const keyed = (this.#inFlight ?? []).flatMap(({ op }) => {
      const key = keyOf(op);
      return key ? [{ op, key }] : [];
    });
    if (keyed.length === 0) return;
    const { topic } = this.topic;
    const found = await this.#env.store.log.findByClientKey(keyed.map(({ key }) => ({ topic, ...key })));
    // With the operation: of a large batch the topic would forget the first before they are decided anew.
    for (const [i, event] of found.entries())
      if (event !== undefined) keyed[i]!.op.lookups = { ...keyed[i]!.op.lookups, earlier: postedOf(event) };
  }

  #requeue(giveUp: (op: WriteOp) => boolean): void {
    const decided = this.#inFlight ?? [];
    this.#inFlight = undefined;
    const again: WriteOp[] = [];
    for (const { op } of decided) {
      if (this.topic.dropped) op.respond(this.#env.refusal(this.topic));
      else if (giveUp(op)) op.respond(internalFailure(new Error('conflicts without end')));
      else again.push(op);
      if (readsMessage(op)) op.ready = false;
    }
    this.#queue.unshift(...again);
    this.#settled();
    this.#advance();
  }

  #settled(): void {
    if (this.busy) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }
}
