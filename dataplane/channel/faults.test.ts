/** The store and the links misbehave; what is acknowledged stays exactly once, in order. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { afterEach, test } from 'node:test';
import { ChatError } from '../../cells/contract/errors.ts';
import { encodeFrame, KIND } from '../protocol/frames.ts';
import type { Store } from '../storage/store.ts';
import { ChannelMetrics } from './metrics.ts';
import { ADA, actor, BOB, CHANNEL, eventually, RING, World, withLog } from './world.test-support.ts';

let world: World;
afterEach(() => world.close());

test('appends whose outcome is unknown are found out: nothing lost, doubled or left out of the fan-out', async () => {
  let calls = 0;
  world = new World();
  await world.start(1, () =>
    world.add({}, (store) =>
      withLog(store, {
        append: async (owner, fences, entries) => {
          const turn = calls++ % 4;
          if (turn === 1) throw new ChatError('store_unavailable'); // before it was sent
          await store.log.append(owner, fences, entries);
          if (turn === 3) throw new ChatError('store_unavailable'); // committed, the answer lost
        },
        // One time in two the reading back is too early and sees nothing yet.
        read: async (topic, after, limit) => {
          if (limit === 1 && calls % 8 === 4) return [];
          return store.log.read(topic, after, limit);
        },
      }),
    ),
  );
  await world.createChannel();
  await world.owners.subscriptions.add(RING, CHANNEL, actor(BOB));
  const seqs: number[] = [];
  for (let i = 0; i < 24; i++) seqs.push((await world.post(`m${i}`, `key-${i}`)).seq);
  const expected = Array.from({ length: 24 }, (_, i) => 4 + i);
  assert.deepEqual(seqs, expected);
  await eventually('all events', () => world.events.length >= 24 || undefined);
  assert.deepEqual(
    world.events.map((e) => e.seq),
    expected,
  );
  assert.ok(calls > 30, 'faults were met');
});

test('a batch holds no more text than a store takes in one piece, however much waits', async () => {
  const sizes: number[] = [];
  let stalled: Promise<void> | undefined;
  world = new World();
  await world.start(1, () =>
    world.add({}, (store) =>
      withLog(store, {
        append: async (owner, fences, entries) => {
          await stalled;
          sizes.push(entries.reduce((n, e) => n + e.payload.length, 0));
          return store.log.append(owner, fences, entries);
        },
      }),
    ),
  );
  await world.createChannel();
  const { promise, resolve } = Promise.withResolvers<void>();
  stalled = promise;
  const text = 'x'.repeat(40_000);
  const posts = Array.from({ length: 120 }, (_, i) => world.post(text, `key-${i}`));
  // Answered at once, and behind them on the link: all have arrived.
  await world.owners.call({ ring: RING, topic: CHANNEL, op: 'info', args: {}, actor: actor(BOB) });
  resolve();
  await Promise.all(posts);
  assert.ok(Math.max(...sizes) < 1.1 * 1024 * 1024, `${sizes}`);
  assert.ok(sizes.length < 10, `together as far as that allows: ${sizes}`);
});

test('pages of large messages come in parts, and the link they travel on stays up', async () => {
  world = await new World().start(1);
  await world.createChannel();
  const { head } = await world.owners.subscriptions.add(RING, CHANNEL, actor(BOB));
  const text = '漢'.repeat(40_000);
  for (let i = 0; i < 120; i++) await world.post(text, `key-${i}`);
  const call = { ring: RING, topic: CHANNEL, actor: actor(BOB) } as const;
  let [seen, pages] = [0, 0];
  for (let afterSeq = head; seen < 120; pages++) {
    const { events } = await world.owners.call({
      ...call,
      op: 'replay',
      args: { afterSeq, upTo: head + 120, limit: 200 },
    });
    assert.ok(events.length > 0);
    seen += events.length;
    afterSeq = events.at(-1)!.seq;
  }
  assert.ok(pages > 1);
  const { messages, more } = await world.owners.call({ ...call, op: 'history', args: { inclusive: true, limit: 999 } });
  assert.ok(messages.length > 0 && messages.length < 120 && more);
  await eventually('all events', () => world.events.length === 120 || undefined);
});

test('a stale owner that knows nothing of the newer one stores, answers and fans out nothing', async () => {
  let cutOff = false;
  world = new World();
  await world.start(2, () =>
    world.add({}, (store) =>
      world.servers.length > 0
        ? store
        : {
            ...store,
            // The first server can no longer read the table, as if it had been stopped since.
            ring: new Proxy(store.ring, {
              get: (ring, key: keyof Store['ring']) =>
                key === 'readTable' && cutOff
                  ? () => Promise.reject(new ChatError('store_unavailable'))
                  : (ring[key] as (...args: unknown[]) => unknown).bind(ring),
            }),
          },
    ),
  );
  await world.createChannel();
  await world.owners.subscriptions.add(RING, CHANNEL, actor(BOB));
  await world.post('before', 'key-1');
  cutOff = true;
  await world.commit((t) => {
    t.owner.fill(1);
    t.slotEpoch.fill(t.epoch);
  });
  await eventually('claimed', () => world.servers[1]!.slotCount === 16_384 || undefined);
  const post = { op: 'post', args: { text: 'late', clientKey: 'key-2' }, user: ADA } as const;
  const { answer } = await world.raw(post, world.servers[0]);
  assert.equal(answer.ok ? 'stored' : answer.error.code, 'not_ready');
  assert.equal(world.servers[0]!.slotCount, 16_383, 'the fenced slot is given up, of the others it does not know');
  assert.equal((await world.store.log.read(CHANNEL, 4, 10)).length, 0);
  assert.equal((await world.post('late', 'key-2')).seq, 5, 'the new owner takes it');
  await eventually('both events', () => world.events.length === 2 || undefined);
});

test('a user kicked while its link was down gets everything up to the kick, and nothing after', async () => {
  world = await new World().start(1);
  await world.createChannel();
  await world.owners.subscriptions.add(RING, CHANNEL, actor(BOB));
  await world.post('one', 'key-1');
  await eventually('the first event', () => world.events.length === 1 || undefined);
  // The client's subscription of BOB stays at seq 4; a second one asks from there, as after a lost link.
  await world.post('two', 'key-2');
  const call = { ring: RING, topic: CHANNEL, actor: actor(ADA) };
  await world.owners.call({ ...call, op: 'kick', args: { user: BOB } });
  await world.post('three', 'key-3');
  const { seqs, answer } = await world.raw({ op: 'subscribe', args: { users: [BOB], afterSeq: 4 } });
  assert.deepEqual(seqs, [5, 6]);
  assert.deepEqual(answer, { ok: true, result: { head: 7, denied: [BOB] } });
});

test('a link whose reader has stopped is cut, and costs the others nothing', async () => {
  const metrics = new ChannelMetrics();
  world = new World();
  await world.start(1, () => world.add({ metrics, maxLinkQueueBytes: 256 * 1024 }));
  await world.createChannel();
  await world.owners.subscriptions.add(RING, CHANNEL, actor(BOB));
  const stuck = await world.stuckReader(BOB);
  const cut = async (): Promise<boolean> => ((await metrics.linksCut.get()).values[0]?.value ?? 0) > 0;
  let sent = 0;
  await eventually('the stopped reader is cut', async () => {
    await Promise.all(Array.from({ length: 20 }, () => world.post('x'.repeat(39_000), `key-${sent++}`)));
    return (await cut()) || undefined;
  });
  await eventually('the other has all', () => world.events.length === sent || undefined);
  stuck.destroy();
});

test('a frame that cannot be read closes its own link only', async () => {
  world = await new World().start(1);
  await world.createChannel();
  const { hostname, port } = new URL(`tcp://${world.servers[0]!.address}`);
  const socket = connect(Number(port), hostname);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  const bad = encodeFrame({ kind: KIND.request, requestId: 1, topic: CHANNEL }, '{not json');
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32LE(bad.length);
  socket.write(Buffer.concat([prefix, bad]));
  await closed;
  assert.equal((await world.post('still here', 'key-1')).seq, 4);
});
