/** How soon a takeover is done, told by what it waits for and not by a clock. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { nextTable } from '../../cells/contract/ring-table.ts';
import type { Store } from '../storage/store.ts';
import { eventually, RING, World, withLog, withRing } from './world.test-support.ts';

let world: World;
afterEach(() => world.close());

test('slots are served as their part of the claim is done: the first do not wait for the last', async () => {
  const gate = Promise.withResolvers<void>();
  let claims = 0;
  const claim = async (store: Store, ...args: Parameters<Store['log']['claim']>) => {
    if (claims++ > 0) await gate.promise;
    return store.log.claim(...args);
  };
  world = new World();
  await world.start(1, () => world.add({}, (store) => withLog(store, { claim: (...args) => claim(store, ...args) })));
  await eventually('the first part is served', () => world.servers[0]!.slotCount > 0 || undefined);
  assert.ok(world.servers[0]!.slotCount < 16_384);
  gate.resolve();
  await eventually('all are served', () => world.servers[0]!.slotCount === 16_384 || undefined);
});

test('slots that come while others are being claimed do not wait for them', async () => {
  const gate = Promise.withResolvers<void>();
  let entered = false;
  const claim = async (store: Store, ...[owner, fences]: Parameters<Store['log']['claim']>) => {
    if (fences.some((f) => f.slot === 0)) {
      entered = true;
      await gate.promise;
    }
    return store.log.claim(owner, fences);
  };
  world = new World();
  const gated = (store: Store): Store => withLog(store, { claim: (...args) => claim(store, ...args) });
  await world.start(3, () => (world.servers.length === 2 ? world.add({}, gated) : world.add()));
  await eventually('the first owns all', () => world.servers[0]!.slotCount === 16_384 || undefined);
  await world.commit((t) => void t.target.fill(1, 10, 20));
  await eventually('the second owns some', () => world.servers[1]!.slotCount === 10 || undefined);
  await world.commit((t) => void t.target.fill(2, 0, 10));
  await eventually("the first's are being claimed", () => entered || undefined);
  await world.commit((t) => void t.target.fill(2, 10, 20));
  try {
    await eventually("the second's are served", () => world.servers[2]!.slotCount === 10 || undefined);
  } finally {
    gate.resolve();
  }
  await eventually('all are served', () => world.servers[2]!.slotCount === 20 || undefined);
});

/** The first of three servers dies. Another commit is always a moment faster, `lost` times. */
async function takenOver(lost: number): Promise<{ tries: number[]; turns: number[] }> {
  let polls = 0;
  const [tries, turns]: number[][] = [[], []];
  const wrap = (store: Store): Store =>
    withRing(store, {
      heartbeats: (ring) => {
        polls++;
        return store.ring.heartbeats(ring);
      },
      compareAndSetTable: async (table) => {
        if (tries!.push(polls) <= lost)
          await store.ring.compareAndSetTable(nextTable((await store.ring.readTable(RING))!));
        return store.ring.compareAndSetTable(table);
      },
      changeTable: (known, change) => {
        turns!.push(polls);
        return store.ring.changeTable(known, change);
      },
    });
  world = new World();
  await world.start(3, () => (world.servers.length === 1 ? world.add({}, wrap) : world.add()));
  await eventually('the first owns all', () => world.servers[0]!.slotCount === 16_384 || undefined);
  world.servers[0]!.abort();
  await eventually('taken over', () => world.servers[1]!.slotCount === 16_384 || undefined);
  return { tries: tries!, turns: turns! };
}

test('a standby whose commit came second judges anew at once, not with its next poll', async () => {
  const { tries, turns } = await takenOver(1);
  assert.deepEqual([tries, turns], [[tries[0], tries[0]], []]);
});

test('one whose commit comes second again and again waits for its turn at the table, in the same poll', async () => {
  const { tries, turns } = await takenOver(100);
  assert.deepEqual([tries.length, turns], [4, [tries[0]]]);
});

test('a heartbeat that was due while the one before hung follows at once, not with the next tick', async () => {
  const gate = Promise.withResolvers<void>();
  let polls = 0;
  const beats: number[] = [];
  const wrap = (store: Store): Store =>
    withRing(store, {
      beat: async (row, withinMs) => {
        if (beats.push(polls) === 2) await gate.promise;
        return store.ring.beat(row, withinMs);
      },
      heartbeats: (ring) => {
        if (++polls === 3) gate.resolve();
        return store.ring.heartbeats(ring);
      },
    });
  world = new World();
  await world.start(1, () => world.add({ heartbeatMs: 500 }, wrap));
  await eventually('a beat after the one that hung', () => beats.length > 2 || undefined);
  assert.equal(beats[2], 3, 'no poll has come between');
});

test('a heartbeat, and the reading of them, is given up before others would take its writer for dead', async () => {
  const within = new Map<string, number | undefined>();
  const wrap = (store: Store): Store =>
    withRing(store, {
      beat: (row, withinMs) => {
        within.set('beat', withinMs);
        return store.ring.beat(row, withinMs);
      },
      heartbeats: (ring, withinMs) => {
        within.set('heartbeats', withinMs);
        return store.ring.heartbeats(ring, withinMs);
      },
    });
  world = new World();
  await world.start(1, () => world.add({ heartbeatMs: 100, missed: 6 }, wrap));
  await eventually('both were called', () => within.size === 2 || undefined);
  assert.deepEqual(Object.fromEntries(within), { beat: 300, heartbeats: 300 });
});

test('a takeover does not wait until the standby has handed over all that it is to give', async () => {
  let beats = 0;
  // It goes on beating while it hands over, at the pace of its polls.
  const aPollLater = async (): Promise<void> => {
    const seen = beats;
    await eventually('a heartbeat', () => beats > seen || undefined);
  };
  let [handovers, isSlow] = [0, true];
  const wrap = (store: Store): Store =>
    withRing(store, {
      beat: (row) => {
        beats++;
        return store.ring.beat(row);
      },
      changeTable: async (known, change) => {
        handovers++;
        if (isSlow) await aPollLater();
        return store.ring.changeTable(known, change);
      },
    });
  world = new World();
  await world.start(3, () => (world.servers.length === 1 ? world.add({}, wrap) : world.add()));
  await eventually('the first owns all', () => world.servers[0]!.slotCount === 16_384 || undefined);
  await world.commit((t) => void t.target.fill(1, 0, 8_000));
  await eventually('the second owns some', () => world.servers[1]!.slotCount === 8_000 || undefined);
  await world.commit((t) => {
    t.target.fill(2, 0, 8_000);
    t.standby.fill(1, 8_000);
  });
  await eventually('it hands over', () => handovers > 2 || undefined);
  world.servers[0]!.abort();
  await eventually(
    'taken over',
    () => world.servers[1]!.slotCount + world.servers[2]!.slotCount === 16_384 || undefined,
  );
  isSlow = false;
  assert.ok(world.servers[2]!.slotCount < 8_000, 'and goes on handing over');
});

test('posts whose answers were lost with their owner are found again, however many come at once', async () => {
  world = new World();
  await world.start(2);
  await eventually('the first owns all', () => world.servers[0]!.slotCount === 16_384 || undefined);
  await world.createChannel();
  const post = () => Promise.all(Array.from({ length: 200 }, (_, i) => world.post(`${i}`, `key-${i}`)));
  const stored = await post();
  world.servers[0]!.abort();
  await eventually('taken over', () => world.servers[1]!.slotCount === 16_384 || undefined);
  const again = await post();
  assert.deepEqual(
    again.map(({ seq, duplicate }) => [seq, duplicate]),
    stored.map(({ seq }) => [seq, true]),
  );
});

test('a server whose clock is far off says that it leaves, and is handed nothing', async () => {
  const wrap = (store: Store): Store => ({ ...store, wallMs: async () => Date.now() + 60_000 });
  world = new World();
  await world.start(2, () => (world.servers.length === 1 ? world.add({}, wrap) : world.add()));
  const states = async () =>
    Object.fromEntries((await world.store.ring.heartbeats(RING)).map((r) => [r.incarnation, r.state]));
  await eventually('it says so', async () => (await states())['pod-1/1'] === 'leaving' || undefined);
  assert.equal((await states())['pod-0/1'], 'serving');
  await world.commit((t) => void t.target.fill(1, 0, 100));
  const { epoch: tableEpoch } = (await world.store.ring.readTable(RING))!;
  const prepare = { op: 'prepare' as const, args: { ring: RING, slots: [1], tableEpoch } };
  const { answer } = await world.raw(prepare, world.servers[1]);
  assert.deepEqual(answer, { ok: true, result: { ready: false } });
});
