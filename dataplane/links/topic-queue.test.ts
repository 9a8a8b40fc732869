/** The order of a topic's calls, against the gate that the accepting end really has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Clock, Timer } from '../../cells/contract/clock.ts';
import { topicId, workspaceId } from '../../cells/contract/ids.ts';
import { LoadCounters } from '../../cells/contract/lrs/index.ts';
import { LinkSession } from '../channel/link-session.ts';
import { bodyOf, decodeHeader, type Header, KIND } from '../protocol/frames.ts';
import type { Response } from '../protocol/operations.ts';
import { type Answer, type PeerLink, type RequestHeader, UNORDERED } from './peer-link.ts';
import { type Routing, TopicQueue } from './topic-queue.ts';

const TOPIC = topicId('C', 1n);

/** Timers fire in the order of their time, one by one, when asked. */
class ManualClock implements Clock {
  #now = 0;
  #timers: { at: number; fn: () => void }[] = [];
  wallMs = (): number => this.#now;
  monotonicMs = (): number => this.#now;
  after(delayMs: number, fn: () => void): Timer {
    const timer = { at: this.#now + delayMs, fn };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((t) => t !== timer);
      },
    };
  }
  every(): Timer {
    throw new Error('not used');
  }
  /** Time passes, and no timer is due. */
  advance(ms: number): void {
    this.#now += ms;
  }
  /** The next timer before `limit` ms. */
  fire(limit: number): boolean {
    const next = this.#timers.sort((a, b) => a.at - b.at)[0];
    if (next === undefined || next.at > limit) return false;
    this.#timers.shift();
    this.#now = next.at;
    next.fn();
    return true;
  }
}

/** A link with an owner behind it that refuses, loses the link, or answers late, as the script says. */
class ScriptedOwner {
  readonly taken: string[] = [];
  readonly #script: readonly number[];
  readonly #ordered: boolean;
  #step = 0;
  #inbox: { header: Header; text: string; done: (answer: Answer) => void }[] = [];
  #session = this.#newSession();

  constructor(script: readonly number[], ordered = true) {
    this.#script = script;
    this.#ordered = ordered;
  }

  readonly peer = {
    up: true,
    request: (header: RequestHeader, body: Uint8Array, done: (answer: Answer) => void): void => {
      const { topic, slot, epoch, attempt, trace } = header;
      const asSent: Header = { kind: KIND.request, requestId: 1, flags: 0, seq: attempt, topic, slot, epoch, trace };
      this.#inbox.push({ header: asSent, text: Buffer.from(body).toString(), done });
    },
  } as unknown as PeerLink;

  #newSession(): LinkSession {
    const answers: Uint8Array[] = [];
    const link = {
      peer: 'x',
      send: (f: Uint8Array) => void answers.push(f),
      bufferedBytes: () => 0,
      handle() {},
      close() {},
    };
    return new LinkSession(link, { maxQueueBytes: 1e9, nowMs: 0, onCut: () => {} });
  }

  get idle(): boolean {
    return this.#inbox.length === 0;
  }

  /** Handles the oldest request. */
  turn(): void {
    const next = this.#inbox.shift();
    if (next === undefined) return;
    const action = this.#script[this.#step++ % this.#script.length]! % 4;
    const calm = this.#step > 3 * this.#script.length;
    const { header, text, done } = next;
    const gated = this.#ordered && this.#session.wasRefused(TOPIC, header.seq);
    if (action === 3 && !calm) {
      // The link is lost, and with it what is on its way; the owner may have taken this one.
      const lost = [next, ...this.#inbox.splice(0)];
      if (!gated) this.#take(text);
      this.#session = this.#newSession();
      for (const request of lost) request.done(undefined);
      return;
    }
    // Requests outside the queue come in between and are taken or refused by themselves.
    if (action === 2) this.#session.wasRefused(TOPIC, UNORDERED);
    if (gated || (action === 1 && !calm)) {
      const refusal: Response = { ok: false, error: { code: 'not_ready', details: {} } };
      this.#session.respond(header, 1, refusal);
      done(refusal);
      return;
    }
    this.#take(text);
    done({ ok: true, result: { seq: 1, ts: '1.0', duplicate: false } });
  }

  #take(text: string): void {
    if (!this.taken.includes(text)) this.taken.push(text); // the client key
  }
}

function drive(script: readonly number[], calls: number, ordered = true): { taken: string[]; resolved: number } {
  const clock = new ManualClock();
  const owner = new ScriptedOwner(script, ordered);
  let attempts = 0;
  const routing: Routing = {
    clock,
    random: { next: () => 0.5, hex: () => '' },
    pick: () => ({ peer: owner.peer, owner: owner.peer, epoch: 1 }),
    moved: () => false,
    nextAttempt: () => ++attempts,
    slowMs: 500,
  };
  let resolved = 0;
  const queue = new TopicQueue({ ring: 'r', topic: TOPIC, slot: 1 }, routing, () => {});
  for (let i = 0; i < calls; i++) {
    const workspace = workspaceId(1n);
    const call = { op: 'post' as const, trace: undefined, timeoutMs: 1e9, workspace, reject: assert.fail };
    queue.push({ ...call, body: Buffer.from(`m${i}`), resolve: () => void resolved++ });
    if (i % 3 === 0) owner.turn();
  }
  for (let turns = 0; resolved < calls && turns < 10_000; turns++) {
    if (owner.idle) clock.fire(1e8);
    else owner.turn();
  }
  return { taken: owner.taken, resolved };
}

const SCRIPT = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 30 });

test('whatever is refused or lost, calls are taken in the order they were made, each once', () => {
  fc.assert(
    fc.property(SCRIPT, fc.integer({ min: 1, max: 20 }), (script, calls) => {
      const { taken, resolved } = drive(script, calls);
      assert.equal(resolved, calls);
      assert.deepEqual(
        taken,
        Array.from({ length: calls }, (_, i) => `m${i}`),
      );
    }),
  );
});

test('without the gate a later call overtakes a refused one', () => {
  assert.notDeepEqual(drive([0, 1, 0, 0], 6, false).taken, ['m0', 'm1', 'm2', 'm3', 'm4', 'm5']);
});

/** A call through `peer` to a topic of `owner`, and what its load report says in the end. */
function judged(act: (at: { queue: TopicQueue; clock: ManualClock; answer: (a: Answer) => void }) => void) {
  const clock = new ManualClock();
  const counters = new LoadCounters({ slowMs: 500 });
  const answers: ((answer: Answer) => void)[] = [];
  const link = (zone: string): PeerLink => {
    const load = counters.peer({ role: 'channel', address: `${zone}:1`, cell: 'c', zone });
    return { load, request: (_: unknown, __: unknown, done: (a: Answer) => void) => void answers.push(done) } as never;
  };
  // The owner's link is down: its standby is asked.
  const [owner, standby] = [link('owner'), link('standby')];
  let attempts = 0;
  const routing: Routing = {
    ...{ clock, random: { next: () => 0.5, hex: () => '' }, moved: () => false, slowMs: 500 },
    ...{ pick: () => ({ peer: standby, owner, epoch: 1 }), nextAttempt: () => ++attempts },
  };
  const queue = new TopicQueue({ ring: 'r', topic: TOPIC, slot: 1 }, routing, () => {});
  const call = { op: 'post' as const, body: Buffer.from('m'), trace: undefined, timeoutMs: 10_000 };
  const push = () => queue.push({ ...call, workspace: workspaceId(1n), resolve: () => {}, reject: () => {} });
  push();
  push(); // by now the queue has a peer, which is not the owner
  act({ queue, clock, answer: (a) => answers.shift()!(a) });
  return counters
    .take()
    .flatMap((c) =>
      c.upstream_locality_stats.map((l) => [l.locality?.zone, l.total_successful_requests, l.total_error_requests]),
    );
}
const OK: Answer = { ok: true, result: { seq: 1, ts: '1.0', duplicate: false } };

test('a call that is answered in time succeeds, a slow one counts as failed, for the owner and not for who was asked', () => {
  const twice = (answer: (a: Answer) => void): void => [OK, OK].forEach(answer);
  assert.deepEqual(
    judged(({ answer }) => twice(answer)),
    [['standby', 2, 0]],
  );
  const slow = judged(({ clock, answer }) => {
    clock.advance(501);
    twice(answer);
  });
  assert.deepEqual(slow, [['owner', 0, 2]]);
});

test('a call that hangs counts as failed when it is slow, once, whatever becomes of it', () => {
  const hanging = judged(({ queue, clock, answer }) => {
    clock.advance(500);
    queue.countSlow(clock.monotonicMs());
    answer(OK);
    clock.advance(1);
    for (let i = 0; i < 2; i++) queue.countSlow(clock.monotonicMs());
    answer(OK);
  });
  assert.deepEqual(hanging, [
    ['standby', 1, 0],
    ['owner', 0, 1],
  ]);
});

test('a frame is read as it was written', () => {
  const sent: Uint8Array[] = [];
  const link = {
    peer: 'x',
    send: (f: Uint8Array) => void sent.push(f),
    bufferedBytes: () => 0,
    handle() {},
    close() {},
  };
  const session = new LinkSession(link, { maxQueueBytes: 1e9, nowMs: 0, onCut: () => {} });
  const header = {
    kind: KIND.request,
    requestId: 7,
    flags: 0,
    seq: 9,
    topic: TOPIC,
    slot: 3,
    epoch: 2,
    trace: undefined,
  };
  session.respond(header, 5, { ok: false, error: { code: 'moved', details: {} } });
  const back = decodeHeader(sent[0]!)!;
  assert.deepEqual([back.kind, back.requestId, back.epoch, back.topic], [KIND.response, 7, 5, TOPIC]);
  assert.equal(JSON.parse(bodyOf(sent[0]!).toString()).error.code, 'moved');
  assert.equal(session.wasRefused(TOPIC, 9), true);
  assert.equal(session.wasRefused(TOPIC, UNORDERED), false);
  assert.equal(session.wasRefused(TOPIC, 8), true, 'a request outside the queue opens nothing');
  assert.equal(session.wasRefused(TOPIC, 10), false);
});
