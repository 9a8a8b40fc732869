/** What a process asks of channel servers when one dies and another comes to serve: over links in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { Clock } from '../../cells/contract/clock.ts';
import type { ControlSource, RouteMember } from '../../cells/contract/control.ts';
import type { ChatError } from '../../cells/contract/errors.ts';
import { type TopicId, topicId, userId, workspaceId } from '../../cells/contract/ids.ts';
import { slotOf } from '../../cells/contract/slot.ts';
import { ownedFrames } from '../channel/owned-frames.ts';
import { bodyOf, decodeHeader, encodeFrame, type Header, KIND } from '../protocol/frames.ts';
import type { Request, Response } from '../protocol/operations.ts';
import type { LinkHandlers } from '../protocol/transport.ts';
import { LinkedOwnerClient } from './owner-client.ts';

const RING = 'demo/main';
const WORKSPACE = workspaceId(1n);
const ACTOR = { workspace: WORKSPACE, user: userId(1n), roles: ['member'] };
const member = (name: string): RouteMember => ({ incarnation: name, address: `${name}:1`, zone: 'z', cell: 'c' });
const NOT_READY: Response = { ok: false, error: { code: 'not_ready', details: {} } };

/** Time stands still: nothing is tried again because a while has passed, unless the test says that one has. */
function stoppedClock(): { clock: Clock; due(): void; pauses(): number[] } {
  const waiting = new Map<() => void, number>();
  const after = (ms: number, run: () => void) => {
    waiting.set(run, ms);
    return { cancel: () => void waiting.delete(run) };
  };
  const due = (): void => {
    for (const run of [...waiting.keys()]) {
      waiting.delete(run);
      run();
    }
  };
  const pauses = (): number[] => [...waiting.values()];
  return { clock: { wallMs: () => 0, monotonicMs: () => 0, after, every: () => ({ cancel: () => {} }) }, due, pauses };
}

/** A channel server as its peers see it: it answers requests when told to. */
class Server {
  readonly asked: { header: Header; request: Request }[] = [];
  readonly member: RouteMember;
  dead = false;
  /** It says hello when told to: until then its link is not up. */
  quiet = false;
  #client: LinkHandlers | undefined;

  constructor(name: string) {
    this.member = member(name);
  }
  connect() {
    return {
      ...{ peer: this.member.address, bufferedBytes: () => 0, close: () => {} },
      send: (frame: Uint8Array): void => this.#received(frame),
      handle: (client: LinkHandlers): void => {
        this.#client = client;
      },
    };
  }
  hello(): void {
    this.#client?.frame(encodeFrame({ kind: KIND.hello }, '{}'));
  }
  /** Answers all that have been asked so far. */
  answer(response: Response): void {
    for (const { header } of this.asked.splice(0))
      this.#client?.frame(encodeFrame({ kind: KIND.response, requestId: header.requestId }, JSON.stringify(response)));
  }
  owns(slot: number, epoch: number): void {
    for (const frame of ownedFrames(RING, this.member, [{ slot, epoch }])) this.#client?.frame(frame);
  }
  die(): void {
    this.dead = true;
    this.#client?.closed('killed');
  }
  #received(frame: Uint8Array): void {
    const header = decodeHeader(frame)!;
    if (header.kind === KIND.hello && !this.quiet) queueMicrotask(() => this.hello());
    if (header.kind === KIND.request)
      this.asked.push({ header, request: JSON.parse(bodyOf(frame).toString()) as Request });
  }
}

/** Topics of one slot, an owner and its standby, and a table that the test changes. */
async function world({ quiet = false } = {}) {
  const [owner, standby] = [new Server('owner'), new Server('standby')];
  owner.quiet = quiet;
  const { clock, due, pauses } = stoppedClock();
  const servers = new Map([owner, standby].map((s) => [s.member.address, s]));
  const first = topicId('C', 1n);
  const slot = slotOf(first);
  const topics: TopicId[] = [first];
  for (let n = 2n; topics.length < 4; n++) if (slotOf(topicId('C', n)) === slot) topics.push(topicId('C', n));
  const route = { ring: RING, slot, epoch: 1, owner: owner.member, standby: standby.member as RouteMember | undefined };
  let tell = (): void => {};
  const control = {
    route: () => route,
    members: () => [owner.member, standby.member],
    onRing: (listener: (ring: string, slots: readonly number[]) => void) => {
      tell = () => listener(RING, [slot]);
      return () => {};
    },
  } as Partial<ControlSource> as ControlSource;
  const client = new LinkedOwnerClient({
    ...{ control, clock, random: { next: () => 0.5, hex: () => '' }, log: pino({ level: 'silent' }) },
    hello: { role: 'gateway', incarnation: 'g', zone: 'z', cell: 'c', pod: 'g' },
    transport: {
      listen: () => assert.fail(),
      connect: async (address) => {
        const server = servers.get(address);
        if (server?.dead !== false) throw new Error('refused');
        return server.connect();
      },
    },
  });
  const tabled = (epoch: number, by: Server): void => {
    Object.assign(route, { epoch, owner: by.member, standby: undefined });
    tell();
  };
  client.typing({ ring: RING, topic: first, actor: ACTOR }); // dials both
  await new Promise(setImmediate);
  return { owner, standby, client, topics, slot, tabled, due, pauses };
}
const topicsOf = (server: Server): (TopicId | undefined)[] => server.asked.map(({ header }) => header.topic);

test('of the topics of a dead owner one for each slot asks after a while; all do once somebody serves', async () => {
  const { owner, standby, client, topics, slot, due } = await world();
  const all = topics.map((topic) => client.subscriptions.add(RING, topic, ACTOR));
  owner.answer({ ok: true, result: { head: 7, denied: [] } });
  await Promise.all(all);
  owner.die();
  assert.deepEqual(topicsOf(standby), [], 'it cannot have claimed yet');
  due();
  assert.deepEqual(topicsOf(standby), [topics[0]]);
  standby.answer(NOT_READY);
  assert.deepEqual(topicsOf(standby), []);
  standby.owns(slot, 2);
  assert.deepEqual(new Set(topicsOf(standby)), new Set(topics));
  assert.deepEqual(standby.asked[0]!.request.args, { users: [ACTOR.user], afterSeq: 7 });
});

test('who was refused before the claim goes on with it, though the table has named the owner before', async () => {
  const { owner, standby, client, topics, slot, tabled } = await world();
  const [topic] = topics;
  const added = client.subscriptions.add(RING, topic!, ACTOR);
  owner.answer({ ok: true, result: { head: 7, denied: [] } });
  await added;
  owner.die();
  const args = { text: 'hello', clientKey: 'k' };
  const posted = client.call({ ring: RING, topic: topic!, op: 'post', args, actor: ACTOR });
  tabled(2, standby);
  for (let i = 0; i < 3; i++) standby.answer(NOT_READY);
  assert.equal(standby.asked.length, 0);
  standby.owns(slot, 1);
  assert.equal(standby.asked.length, 0, 'an older claim is no news');
  standby.owns(slot, 2);
  assert.deepEqual(standby.asked.map(({ request }) => request.op).sort(), ['post', 'subscribe']);
  standby.answer({ ok: true, result: { head: 8, denied: [] } as never });
  assert.deepEqual(await posted, { head: 8, denied: [] });
});

test('who has asked another server goes to the owner when its link comes up, and does not wait for that answer', async () => {
  const { owner, standby, client, topics, slot } = await world({ quiet: true });
  const added = topics.map((topic) => client.subscriptions.add(RING, topic, ACTOR));
  assert.deepEqual(topicsOf(standby), topics);
  owner.hello();
  owner.owns(slot, 1);
  standby.answer(NOT_READY);
  assert.deepEqual(topicsOf(owner), topics);
  owner.answer({ ok: true, result: { head: 7, denied: [] } });
  await Promise.all(added);
  assert.equal(standby.asked.length, 0);
});

test('it asks again late where it will be told, and soon where it will not', async () => {
  const { owner, client, topics, pauses, due } = await world();
  const waits = (): number[] => pauses().filter((ms) => ms < 10_000);
  const added = client.subscriptions.add(RING, topics[0]!, ACTOR);
  owner.answer({ ok: false, error: { code: 'store_unavailable', details: {} } });
  assert.deepEqual(waits(), [15]);
  const given = added.catch((e: ChatError) => e.code);
  due(); // the deadline of the caller as well
  assert.equal(await given, 'deadline_exceeded');
  const again = client.subscriptions.add(RING, topics[0]!, ACTOR).catch(() => {});
  owner.answer(NOT_READY);
  assert.deepEqual(waits(), [4_500]);
  void again;
});

test('a topic that its owner fails with holds back no other of its slot, and asks again soon', async () => {
  const { owner, standby, client, topics, pauses, due } = await world();
  const all = topics.map((topic) => client.subscriptions.add(RING, topic, ACTOR));
  owner.answer({ ok: true, result: { head: 7, denied: [] } });
  await Promise.all(all);
  owner.die();
  due();
  assert.deepEqual(topicsOf(standby), [topics[0]], 'one asks for all');
  standby.answer({ ok: false, error: { code: 'internal_error', details: {} } });
  assert.deepEqual(topicsOf(standby), topics.slice(1));
  standby.answer({ ok: true, result: { head: 7, denied: [] } });
  assert.equal(pauses().filter((ms) => ms < 50).length, 1);
  due();
  assert.deepEqual(topicsOf(standby), [topics[0]]);
});

test('an error of a later version that this one does not know has failed, and the link goes on', async () => {
  const { owner, client, topics } = await world();
  const post = () =>
    client.call({ ring: RING, topic: topics[0]!, op: 'post', args: { text: 'hello', clientKey: 'k' }, actor: ACTOR });
  const first = post();
  owner.answer({ ok: false, error: { code: 'of_a_later_version', details: {} } } as unknown as Response);
  await assert.rejects(first, { code: 'internal_error' });
  const second = post();
  owner.answer({ ok: true, result: {} as never });
  await second;
});
