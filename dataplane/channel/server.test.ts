import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { userId } from '../../cells/contract/ids.ts';
import { TcpTransport } from '../links/index.ts';
import { decodeHeader, encodeFrame, KIND } from '../protocol/frames.ts';
import { ChannelMetrics } from './metrics.ts';
import {
  ADA,
  actor,
  BOB,
  CHANNEL,
  eventually,
  RING,
  requestFrame,
  WORKSPACE,
  World,
  withLog,
} from './world.test-support.ts';

let world: World;
afterEach(() => world.close());

test('a post is stored, answered and fanned out in order; a retry is answered as the first', async () => {
  world = await new World().start(1);
  assert.deepEqual(await world.createChannel(), { created: true });
  assert.deepEqual(await world.createChannel(), { created: false });
  const { head } = await world.owners.subscriptions.add(RING, CHANNEL, actor(BOB));
  assert.equal(head, 3); // created, two members
  const posts = await Promise.all(Array.from({ length: 50 }, (_, i) => world.post(`m${i}`, `key-${i}`)));
  assert.deepEqual(
    posts.map((p) => p.seq),
    Array.from({ length: 50 }, (_, i) => 4 + i),
  );
  const again = await world.post('m7', 'key-7');
  assert.deepEqual(again, { ...posts[7], duplicate: true });
  await eventually('50 events', () => world.events.length === 50 || undefined);
  assert.deepEqual(
    world.events.map((e) => e.seq),
    posts.map((p) => p.seq),
  );
  const rows = await world.store.log.read(CHANNEL, 0, 100);
  assert.equal(rows.length, 53);
  assert.deepEqual(
    world.events.map((e) => e.json.toString()),
    rows.slice(3).map((r) => r.payload),
  );
  await eventually(
    'the directory shows the channel',
    async () => (await world.store.directory.memberships(WORKSPACE, BOB)).length === 1 || undefined,
  );
  await eventually('bob was told', async () => {
    const told = await world.store.log.read(BOB, 0, 10);
    return told.some((e) => e.type === 'channel_joined') || undefined;
  });
});

test('after a kick the user is refused, and the event that ends the membership says so', async () => {
  world = await new World().start(1);
  await world.createChannel();
  await world.owners.subscriptions.add(RING, CHANNEL, actor(BOB));
  const call = { ring: RING, topic: CHANNEL, actor: actor(ADA) };
  await world.owners.call({ ...call, op: 'kick', args: { user: BOB } });
  await eventually('the kick', () => world.events.some((e) => e.member?.joined === false) || undefined);
  await assert.rejects(world.post('x', 'k', BOB), { code: 'channel_not_found' });
  await assert.rejects(world.owners.subscriptions.add(RING, CHANNEL, actor(BOB)), { code: 'channel_not_found' });
  const history = { oldest: '0', inclusive: true, limit: 10 };
  await assert.rejects(world.owners.call({ ...call, op: 'history', args: history, actor: actor(BOB) }), {
    code: 'channel_not_found',
  });
});

/** Posts one after the other, each again under its key until it is acknowledged, while `during` happens. */
async function postDuring(during: () => Promise<void>): Promise<void> {
  await world.createChannel();
  await world.owners.subscriptions.add(RING, CHANNEL, actor(BOB));
  let stop = false;
  const acked: number[] = [];
  const poster = (async () => {
    for (let i = 0; !stop || i < 100; i++) acked.push((await world.post(`m${i}`, `key-${i}`)).seq);
  })();
  await eventually('some posts', () => acked.length > 10 || undefined);
  await during();
  const now = acked.length;
  await eventually('posts go on', () => acked.length > now + 10 || undefined);
  stop = true;
  await poster;
  assert.deepEqual(
    acked,
    Array.from({ length: acked.length }, (_, i) => 4 + i),
  );
  await eventually('all events', () => world.events.length >= acked.length || undefined);
  assert.deepEqual(
    world.events.map((e) => e.seq),
    acked,
  );
}

test('a peer that unsubscribes before its subscription is answered gets no event', async () => {
  world = await new World().start(1);
  await world.createChannel();
  const link = await new TcpTransport().connect(world.servers[0]!.address);
  const kinds: number[] = [];
  const ponged = Promise.withResolvers<void>();
  link.handle({
    frame: (frame) => {
      const { kind } = decodeHeader(frame)!;
      kinds.push(kind);
      if (kind === KIND.pong) ponged.resolve();
    },
    closed: (reason) => ponged.reject(new Error(reason)),
  });
  link.send(requestFrame({ op: 'subscribe', args: { users: [BOB] } }));
  link.send(encodeFrame({ kind: KIND.unsubscribe, topic: CHANNEL }));
  await eventually('it is answered', () => kinds.includes(KIND.response) || undefined);
  await world.post('after', 'key-1');
  link.send(encodeFrame({ kind: KIND.ping }));
  await ponged.promise;
  link.close();
  assert.ok(!kinds.includes(KIND.event), `${kinds}`);
});

test('the users of one subscription are looked up together', async () => {
  let asked = 0;
  world = new World();
  await world.start(1, () =>
    world.add({}, (store) =>
      withLog(store, {
        areMembers: (pairs) => {
          asked++;
          return store.log.areMembers(pairs);
        },
      }),
    ),
  );
  await world.createChannel();
  const users = Array.from({ length: 200 }, (_, i) => userId(BigInt(10_000 + i)));
  asked = 0;
  const { answer } = await world.raw({ op: 'subscribe', args: { users: [BOB, ...users] }, user: BOB });
  assert.deepEqual(answer.ok && answer.result.denied.length, 200);
  assert.ok(asked <= 3, `${asked} queries`);
});

test('a planned handoff under load loses, doubles and reorders nothing; the new owner tells the pause of each slot', async () => {
  const metrics = new ChannelMetrics();
  world = new World();
  await world.start(2, () => world.add(world.servers.length === 1 ? { metrics } : {}));
  await postDuring(async () => {
    await world.commit((t) => void t.target.fill(1));
    await eventually('all slots moved', () => world.servers[1]!.slotCount === 16_384 || undefined);
    assert.equal(world.servers[0]!.slotCount, 0);
  });
  const { values } = await metrics.handoffPauseSeconds.get();
  const told = values.find((v) => v.metricName === 'ring_handoff_pause_seconds_count')?.value;
  assert.equal(told, 16_384);
  assert.ok(values.find((v) => v.metricName === 'ring_handoff_pause_seconds_sum')!.value > 0);
});

test('a server that ends by plan hands its slots over first', async () => {
  world = await new World().start(2);
  await postDuring(async () => {
    await world.servers[0]!.close(10_000);
    assert.equal(world.servers[1]!.slotCount, 16_384);
  });
});

test('the standby takes over from a server that was killed', async () => {
  world = await new World().start(3); // of two, one silent is half: then it may be the store
  await postDuring(async () => {
    world.servers[0]!.abort();
    await eventually('taken over', () => world.servers[1]!.slotCount === 16_384 || undefined);
  });
});

test('a client_msg_id that the index cannot hold is refused by name, and nothing else is touched', async () => {
  world = await new World().start(1);
  await world.createChannel();
  await assert.rejects(world.post('x', 'k'.repeat(256)), { code: 'invalid_arguments' });
  assert.equal((await world.post('x', 'k'.repeat(255))).seq, 4);
});
