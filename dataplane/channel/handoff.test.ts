import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { Clock } from '../../cells/contract/clock.ts';
import { emptyTable, nextTable, type RingTable } from '../../cells/contract/ring-table.ts';
import { Handoff, inTurn } from './handoff.ts';
import { Slots } from './slots.ts';

test('an owner begins with the target after it, so that no two begin with the same', () => {
  assert.deepEqual(inTurn([0, 1, 3, 4], 2, 5), [3, 4, 0, 1]);
  const firsts = [0, 1, 2, 3].map(
    (self) =>
      inTurn(
        [0, 1, 2, 3].filter((t) => t !== self),
        self,
        4,
      )[0],
  );
  assert.deepEqual(firsts, [1, 2, 3, 0]);
});

test('leaving owners of three cells with two servers each begin with three targets', () => {
  const leaving = [0, 2, 4];
  const stay = [1, 3, 5];
  assert.deepEqual(
    leaving.map((self) => inTurn(stay, self, 6)[0]),
    stay,
  );
});

/** The owner m0 has to give `each` slots to each of four targets, whose answers to a handoff take `claimMs`. */
function owner(each: number, claimMs: number) {
  let now = 0;
  const asked: string[] = [];
  const served: { slot: number; epoch: number }[] = [];
  const waiting: (() => void)[] = [];
  let mostAtOnce = 0;
  let table: RingTable = nextTable(emptyTable('r'));
  table.members = [0, 1, 2, 3, 4].map((n) => ({
    ...{ incarnation: `m${n}`, pod: `p${n}`, cell: 'c', zone: `z${n}`, address: `a${n}`, weight: 1 },
  }));
  const slots = new Slots();
  for (let slot = 0; slot < 4 * each; slot++) {
    table.owner[slot] = 0;
    table.target[slot] = 1 + (slot % 4);
    slots.claimed(slot, 1);
  }
  const timers = new Set<() => void>();
  const timer = (_: number, run: () => void) => {
    timers.add(run);
    return { cancel: () => void timers.delete(run) };
  };
  const clock: Clock = { monotonicMs: () => now, wallMs: () => now, after: timer, every: timer };
  const handoff = new Handoff({
    ...{ me: 'm0', ring: 'r', slots, clock, log: pino({ level: 'silent' }) },
    store: {
      changeTable: async (_: RingTable, change: (t: RingTable) => { table: RingTable } | undefined) => change(table),
    } as never,
    peers: {
      request: async (address: string, { op }: { op: string }) => {
        asked.push(`${op} ${address}`);
        if (op === 'prepare') return { ready: true };
        mostAtOnce = Math.max(mostAtOnce, waiting.length + 1);
        await new Promise<void>((resolve) => waiting.push(resolve));
        return { claimed: 0 };
      },
    } as never,
    metrics: { handoffs: { inc: () => {} } } as never,
    leaving: () => false,
    table: () => table,
    adopt: (next: RingTable) => {
      table = next;
      for (const slot of slots.held()) if (table.owner[slot] !== 0) slots.release(slot);
    },
    isBusy: () => false,
    flush: async () => {},
    heads: () => [],
    serves: (some) => void served.push(...some),
  });
  /** One round, all of whose answers come together `claimMs` later as soon as nothing else goes on. */
  const round = async (mayGoOn = true): Promise<void> => {
    let done = false;
    const running = handoff
      .run(table, () => mayGoOn)
      .then(() => {
        done = true;
      });
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      if (waiting.length > 0) now += claimMs;
      for (const answer of waiting.splice(0)) answer();
    }
    await running;
  };
  const later = (ms: number): void => {
    now += ms;
  };
  /** One round in which no target answers a handoff: it ends once all timers have run out. */
  const silentRound = async (): Promise<void> => {
    const running = handoff.run(table, () => true);
    for (let n = 0; n < 50; n++) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const run of [...timers]) run();
    }
    await running;
  };
  return { round, silentRound, slots, asked, served, mostAtOnce: () => mostAtOnce, later };
}

test('over a slow way all targets are waited for at once, over a quick one never two', async () => {
  const [near, far] = [owner(200, 20), owner(200, 400)];
  for (let i = 0; i < 20 && near.slots.size > 0; i++) await near.round();
  for (let i = 0; i < 8; i++) await far.round(false);
  assert.equal(
    far.slots.size,
    800 - 4 * 8 - 4 * 4 * 32,
    'four batches of 8, and then four rounds of 32 for each target',
  );
  assert.deepEqual([near.slots.size, near.mostAtOnce(), far.mostAtOnce()], [0, 1, 4]);
});

test('a target that has said it is ready is asked again only after a while', async () => {
  const { round, asked, later } = owner(200, 20);
  const prepared = (): number => asked.filter((a) => a === 'prepare a1').length;
  for (let i = 0; i < 3; i++) await round(false);
  assert.equal(prepared(), 1);
  later(3_001);
  await round(false);
  assert.equal(prepared(), 2);
});

test('targets that do not answer get one batch each in a round, which comes to its end', async () => {
  const { silentRound, slots, asked } = owner(200, 20);
  await silentRound();
  assert.equal(asked.filter((a) => a.startsWith('handoff')).length, 4);
  assert.equal(slots.size, 800 - 4 * 8);
});

test('who was refused while a slot was frozen is told when it is served here after all', async () => {
  const { round, slots, served } = owner(0, 20);
  slots.claimed(5, 7);
  await round();
  assert.deepEqual(served, []);
  slots.freeze(5);
  await round();
  assert.deepEqual(served, [{ slot: 5, epoch: 7 }]);
});
