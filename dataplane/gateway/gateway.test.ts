/** Gateway and reference client over real WebSockets on 127.0.0.1; the owners are an in-memory double. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ACME, workspaceEntry } from '../auth/auth.test-support.ts';
import { ManualClock } from '../client/client.test-support.ts';
import type { ClientEvent } from '../client/index.ts';
import { ALICE, BOB, CAROL, EVE, FakeControl, GENERAL, Rig, SECRET, until } from './gateway.test-support.ts';

let rig: Rig;
beforeEach(async () => {
  rig = new Rig();
  await rig.start();
});
afterEach(() => rig.close());

const boot = (user = ALICE, query = '') => rig.raw(`ticket=${rig.ticket(user)}${query}`);

describe('a session', () => {
  it('says hello first, then its state', async () => {
    const alice = await boot().opened();
    const state = await alice.type('boot');
    assert.equal(alice.frames[0]?.type, 'hello');
    assert.partialDeepStrictEqual(state, {
      self: { id: ALICE },
      team: { id: ACME },
      topics: { [ALICE]: rig.owners.head(ALICE), [ACME]: 0 },
    });
    const channels = state.channels as { id: string; seq: number }[];
    assert.deepEqual(
      channels.map(({ id, seq }) => [id, seq]),
      [
        [GENERAL, rig.owners.head(GENERAL)],
        [SECRET, rig.owners.head(SECRET)],
      ],
    );
  });

  it('posts: an ack with seq and no echo; everyone else gets the event', async () => {
    const [alice, bob] = await Promise.all([boot().opened(), boot(BOB, '&boot=none').opened()]);
    await alice.type('boot');
    await bob.type('hello');
    await until(() => rig.owners.subscribed(GENERAL));
    alice.send({ id: 1, type: 'message', channel: GENERAL, text: 'hi' });
    const ack = await alice.frame((f) => f.reply_to === 1);
    assert.partialDeepStrictEqual(ack, { ok: true, seq: rig.owners.head(GENERAL) });
    rig.owners.post(GENERAL, CAROL, 'after');
    await alice.frame((f) => f.text === 'after');
    assert.equal(
      alice.frames.some((f) => f.text === 'hi'),
      false,
    );
    assert.equal(
      bob.frames.some((f) => f.type === 'boot'),
      false,
    );
    assert.partialDeepStrictEqual(await bob.frame((f) => f.text === 'hi'), { user: ALICE, seq: ack.seq });
  });

  it('keeps them in order over the end of a membership and a new one', async () => {
    const held = Promise.withResolvers<{ ts: string; seq: number; duplicate: boolean }>();
    await rig.start({
      owners: (listener) => {
        const client = rig.owners.client(listener);
        const call = ((c: { op: string }) => (c.op === 'post' ? held.promise : client.call(c as never))) as never;
        return { ...client, call };
      },
    });
    rig.target = 1;
    const bob = await boot(BOB).opened();
    await bob.type('boot');
    rig.owners.kick(GENERAL, BOB);
    await bob.type('member_left_channel');
    bob.send({ id: 1, type: 'message', channel: GENERAL, text: 'mine' });
    bob.send({ id: 2, type: 'ping' });
    await bob.type('pong');
    rig.owners.join(GENERAL, BOB);
    rig.owners.post(GENERAL, ALICE, 'one');
    await bob.frame((f) => f.text === 'one');
    held.resolve({ ts: '1.000000', seq: rig.owners.head(GENERAL) + 2, duplicate: false });
    bob.send({ id: 3, type: 'ping' });
    await bob.frame((f) => f.reply_to === 3);
    rig.owners.post(GENERAL, ALICE, 'two');
    rig.owners.post(GENERAL, BOB, 'mine');
    await bob.frame((f) => f.reply_to === 1);
    const order = bob.frames.map((f) => f.text ?? f.reply_to).filter((x) => x === 'two' || x === 1);
    assert.deepEqual(order, ['two', 1]);
  });

  it('keeps ack and events in seq order when the answer is late', async () => {
    const alice = await boot().opened();
    await alice.type('boot');
    const gate = Promise.withResolvers<void>();
    rig.owners.gate = gate.promise;
    alice.send({ id: 1, type: 'message', channel: GENERAL, text: 'mine' });
    const before = rig.owners.head(GENERAL);
    await until(() => rig.owners.head(GENERAL) === before + 1);
    rig.owners.post(GENERAL, BOB, 'next');
    alice.send({ id: 2, type: 'ping' });
    await alice.frame((f) => f.type === 'pong');
    assert.equal(
      alice.frames.some((f) => f.text === 'next'),
      false,
    );
    gate.resolve();
    await alice.frame((f) => f.text === 'next');
    assert.deepEqual(
      alice.frames.flatMap((f) => (typeof f.seq === 'number' ? [f.seq] : [])),
      [before + 1, before + 2],
    );
  });

  it('follows a join, ends with a kick, and follows a join again', async () => {
    const carol = await boot(CAROL).opened();
    await carol.type('boot');
    rig.owners.join(SECRET, CAROL);
    await carol.frame((f) => f.type === 'member_joined_channel' && f.channel === SECRET && f.user === CAROL);
    rig.owners.post(SECRET, ALICE, 'for carol');
    await carol.frame((f) => f.text === 'for carol');
    rig.owners.kick(SECRET, CAROL);
    rig.owners.post(SECRET, ALICE, 'not for carol');
    await carol.type('channel_left');
    rig.owners.join(SECRET, CAROL);
    rig.owners.post(SECRET, ALICE, 'for carol again');
    await carol.frame((f) => f.text === 'for carol again');
    assert.deepEqual(
      carol.frames.filter((f) => f.channel === SECRET && f.topic === undefined).map((f) => f.text ?? f.type),
      ['member_joined_channel', 'for carol', 'member_left_channel', 'member_joined_channel', 'for carol again'],
    );
  });

  it('shows nothing of one workspace to another', async () => {
    const eve = await boot(EVE).opened();
    assert.deepEqual((await eve.type('boot')).channels, []);
    eve.send({ id: 1, type: 'message', channel: GENERAL, text: 'hello?' });
    assert.partialDeepStrictEqual(await eve.frame((f) => f.reply_to === 1), {
      ok: false,
      error: { code: 'channel_not_found' },
    });
    eve.send({ id: 2, type: 'typing', channel: GENERAL });
    assert.partialDeepStrictEqual(await eve.frame((f) => f.reply_to === 2), { error: { code: 'channel_not_found' } });
  });

  it('tells of typing, but not to who types', async () => {
    const [alice, bob] = await Promise.all([boot().opened(), boot(BOB).opened()]);
    await Promise.all([alice.type('boot'), bob.type('boot')]);
    alice.send({ type: 'typing', channel: GENERAL });
    assert.partialDeepStrictEqual(await bob.type('user_typing'), { user: ALICE, channel: GENERAL });
    assert.equal(
      alice.frames.some((f) => f.type === 'user_typing'),
      false,
    );
  });

  it('closes who is silent for two heartbeats; the ping of WebSocket itself counts, as many SDKs send no other', async () => {
    const clock = new ManualClock();
    await rig.start({ clock });
    const [silent, pinging] = [ALICE, BOB].map((user) => rig.raw(`ticket=${rig.ticket(user)}`, { index: 1 }));
    for (const raw of [silent!, pinging!]) await (await raw.opened()).type('boot');
    await clock.pass(50_000);
    pinging!.socket.ping();
    await once(pinging!.socket, 'pong');
    await clock.pass(20_000);
    assert.equal(await silent!.ended, 4003);
    pinging!.send({ id: 1, type: 'ping' });
    await pinging!.frame((f) => f.reply_to === 1);
  });

  it('ends when the workspace is suspended, and when the user is deactivated', async () => {
    const [alice, bob] = await Promise.all([boot().opened(), boot(BOB).opened()]);
    await Promise.all([alice.type('boot'), bob.type('boot')]);
    rig.owners.publish(ACME, ACME, { type: 'user_change', user: { id: BOB, deleted: true } });
    assert.equal(await bob.ended, 4500);
    rig.control.set(workspaceEntry(ACME, [], { suspended: true, generation: 2 }));
    assert.equal(await alice.ended, 4501);
    assert.equal(await (await boot().opened()).ended, 4501);
  });
});

describe('resume', () => {
  it('replays what was missed, adds what is missing in the list, answers what was lost', async () => {
    const bob = await boot(BOB).opened();
    const { resume_token: token } = await bob.type('hello');
    await bob.type('boot');
    const general = rig.owners.head(GENERAL);
    bob.socket.terminate();
    rig.owners.post(GENERAL, ALICE, 'one');
    rig.owners.post(GENERAL, ALICE, 'two');
    rig.owners.kick(SECRET, BOB);
    const again = await rig.raw('resume=1').opened();
    again.send({ type: 'resume', token, topics: { [GENERAL]: general }, more: true });
    again.send({ type: 'resume', token, topics: { [SECRET]: 2, [BOB]: rig.owners.head(BOB) - 1 } });
    const done = await again.type('resumed');
    assert.equal(again.frames[0]?.type, 'hello');
    assert.equal(done.replayed, 3);
    assert.deepEqual(
      again.frames.filter((f) => f.text).map((f) => f.text),
      ['one', 'two'],
    );
    assert.equal(again.frames.filter((f) => f.type === 'channel_left' && f.channel === SECRET).length, 2);
    assert.equal(
      again.frames.some((f) => f.type === 'boot'),
      false,
    );
  });

  it('announces a gap that is too wide', async () => {
    const bob = await boot(BOB).opened();
    const { resume_token: token } = await bob.type('hello');
    await bob.type('boot');
    bob.socket.terminate();
    const since = rig.owners.head(GENERAL);
    for (let i = 0; i < 1_001; i++) rig.owners.post(GENERAL, ALICE, `m${i}`);
    const again = await rig.raw('resume=1').opened();
    again.send({ type: 'resume', token, topics: { [GENERAL]: since } });
    const gap = await again.type('gap');
    assert.partialDeepStrictEqual(gap, { channel: GENERAL, oldest_seq: since, latest_seq: since + 1_001 });
    assert.ok(Number(gap.oldest) > 0 && Number(gap.latest) > Number(gap.oldest));
  });

  it('sends large events at the pace at which the client reads them', async () => {
    const bob = await boot(BOB).opened();
    const { resume_token: token } = await bob.type('hello');
    await bob.type('boot');
    bob.socket.terminate();
    const since = rig.owners.head(GENERAL);
    for (let i = 0; i < 40; i++) rig.owners.post(GENERAL, ALICE, 'x'.repeat(400_000));
    const again = await rig.raw('resume=1').opened();
    again.send({ type: 'resume', token, topics: { [GENERAL]: since } });
    await again.type('resumed');
    assert.equal(again.frames.filter((f) => f.text !== undefined).length, 40);
  });

  it('refuses a token that is not ours', async () => {
    const raw = await rig.raw('resume=1').opened();
    raw.send({ type: 'resume', token: 'rubbish', topics: {} });
    assert.equal(await raw.ended, 4000);
    assert.partialDeepStrictEqual(raw.frames, [{ type: 'error', error: { code: 'resume_invalid' } }]);
  });
});

describe('the reference client', () => {
  it('goes through a drain to another gateway and misses, repeats and reorders nothing', async () => {
    const elsewhere = new FakeControl(); // of another cell: the order is not for it
    for (const entry of rig.control.entries.values()) elsewhere.set(entry);
    await rig.start({ control: elsewhere });
    const seen: ClientEvent[] = [];
    const bob = rig.client(BOB, { onEvent: (e) => seen.push(e) });
    const alice = rig.client(ALICE);
    await Promise.all([bob.connect(), alice.connect()]);
    const start = rig.owners.head(GENERAL);
    const posts = Array.from({ length: 60 }, (_, i) => (i % 2 ? alice : bob).post(GENERAL, `m${i}`));
    await Promise.all(posts.slice(0, 20));
    rig.target = 1;
    const order = { cell: 'a', generation: 1, draining: true, keepPercent: 0, spreadMs: 1, reason: 'test' };
    rig.control.order({ ...order, gateways: [] });
    await until(() => rig.gateways[0]!.gateway.sessionCount === 0);
    const results = await Promise.all(posts);
    await until(() => seen.filter((e) => e.topic === GENERAL).length === 60, 'all events at bob');
    assert.deepEqual(
      seen.filter((e) => e.topic === GENERAL).map((e) => e.seq),
      Array.from({ length: 60 }, (_, i) => start + 1 + i),
    );
    assert.equal(new Set(results.map((r) => r.seq)).size, 60);
    assert.equal(bob.stats.resumes, 1);
    assert.equal(rig.gateways[1]!.gateway.sessionCount, 2);
  });

  it('survives cut sockets in the middle of posts', async () => {
    const seen: number[] = [];
    const bob = rig.client(BOB, { onEvent: (e) => e.topic === GENERAL && seen.push(e.seq!) });
    await bob.connect();
    const start = rig.owners.head(GENERAL);
    for (let round = 0; round < 5; round++) {
      const posts = Array.from({ length: 3 }, (_, i) => bob.post(GENERAL, `r${round}-${i}`));
      for (const { gateway } of rig.gateways) await gateway.close();
      rig.target = rig.gateways.length;
      await rig.start();
      await Promise.all(posts);
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 15 }, (_, i) => start + 1 + i),
    );
  });

  it('fills a gap from the history, in order, before what came since', async () => {
    const seen: ClientEvent[] = [];
    let messages: Record<string, unknown>[] = [];
    const bob = rig.client(BOB, {
      onEvent: (e) => seen.push(e),
      http: async ({ url }) => {
        const body = url.endsWith('history')
          ? { ok: true, messages, has_more: false }
          : { ok: true, url: `ws://edge/ws?ticket=${rig.ticket(BOB)}` };
        return { status: 200, retryAfterS: undefined, body: JSON.stringify(body) };
      },
    });
    await bob.connect();
    const start = rig.owners.head(GENERAL);
    rig.target = 1;
    await rig.gateways[0]!.gateway.close();
    for (let i = 1; i <= 1_200; i++) rig.owners.post(GENERAL, ALICE, `m${i}`);
    messages = Array.from({ length: 1_200 }, (_, i) => ({
      type: 'message',
      text: `m${i + 1}`,
      seq: start + 1 + i,
    })).reverse();
    await rig.start();
    await until(() => bob.state === 'ready' && bob.stats.gaps === 1);
    rig.owners.post(GENERAL, ALICE, 'since');
    await until(() => seen.some((e) => e.fields.text === 'since'));
    const seqs = seen.filter((e) => e.topic === GENERAL).map((e) => e.seq);
    assert.deepEqual(
      seqs,
      Array.from({ length: 1_201 }, (_, i) => start + 1 + i),
    );
    assert.equal(seen.filter((e) => e.source === 'filled').length, 1_200);
  });
});
