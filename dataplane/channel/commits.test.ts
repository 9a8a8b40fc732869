import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptyTable, NONE, nextTable, type RingTable } from '../../cells/contract/ring-table.ts';
import { evacuate, handedOver, handover, takeover } from './commits.ts';

/** Members m0… in zones z0, z1, z2, z0…; owner and standby of slot s as given. */
function table(members: number, owner: (slot: number) => number, standby: (slot: number) => number): RingTable {
  const t = nextTable(emptyTable('test/main'));
  t.members = Array.from({ length: members }, (_, i) => ({
    incarnation: `m${i}`,
    pod: `m${i}`,
    cell: `c${i}`,
    zone: `z${i % 3}`,
    address: `127.0.0.1:${7000 + i}`,
    weight: 1,
  }));
  for (let slot = 0; slot < t.owner.length; slot++) {
    t.owner[slot] = owner(slot);
    t.standby[slot] = standby(slot);
    t.slotEpoch[slot] = 1;
  }
  return t;
}

const judge = (dead: ReadonlySet<string>, leaving: ReadonlySet<string> = new Set()) => ({
  isDead: (m: string) => dead.has(m),
  isLeaving: (m: string) => leaving.has(m),
  staysAlive: (m: string) => !dead.has(m) && !leaving.has(m),
});

test('whoever dies, the living that stay together take exactly the slots of the dead, each of them once', () => {
  const shape = fc.record({
    members: fc.integer({ min: 2, max: 6 }),
    dead: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { maxLength: 5 }),
    leaving: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { maxLength: 2 }),
  });
  fc.assert(
    fc.property(shape, ({ members, ...some }) => {
      const named = (which: number[]) => new Set(which.filter((i) => i < members).map((i) => `m${i}`));
      const [dead, leaving] = [named(some.dead), named(some.leaving)];
      const staying = [...Array(members).keys()].filter((i) => !dead.has(`m${i}`) && !leaving.has(`m${i}`));
      const before = table(
        members,
        (s) => s % members,
        (s) => (s % 7 === 0 ? NONE : (s + 1) % members),
      );
      const taken = new Map<number, number>();
      for (const i of staying)
        for (const slot of takeover(before, `m${i}`, judge(dead, leaving))?.slots ?? [])
          taken.set(slot, (taken.get(slot) ?? 0) + 1);
      const expected = [...before.owner.keys()].filter((s) => dead.has(`m${before.owner[s]}`));
      assert.equal(taken.size, staying.length === 0 ? 0 : expected.length);
      assert.ok([...taken.values()].every((n) => n === 1));
    }),
    { numRuns: 30 },
  );
});

test('a takeover raises the slot epoch, calls planned moves off and chooses a standby in another zone', () => {
  const before = table(
    3,
    () => 0,
    () => 1,
  );
  before.target.fill(2);
  const step = takeover(before, 'm1', judge(new Set(['m0'])))!;
  assert.equal(step.slots.length, 16_384);
  assert.equal(step.table.epoch, before.epoch + 1);
  assert.deepEqual([step.table.owner[5], step.table.target[5], step.table.standby[5]], [1, NONE, 2]);
  assert.equal(step.table.slotEpoch[5], step.table.epoch);
  assert.equal(takeover(before, 'm2', judge(new Set(['m0']))), undefined, 'not its slots');
  assert.equal(takeover(before, 'm1', judge(new Set())), undefined, 'nobody is dead');
});

test('a handover takes only slots that the table still leaves to me for this target', () => {
  const before = table(
    3,
    (s) => (s === 1 ? 2 : 0),
    () => 1,
  );
  before.target.fill(1, 0, 3);
  const step = handover(before, { me: 'm0', target: 'm1', slots: [0, 1, 2, 3], leaving: false })!;
  assert.deepEqual(step.slots, [0, 2]);
  assert.equal(step.table.owner[0], 1);
  assert.equal(step.table.standby[0], 0, 'the old owner, in another zone, stands by');
  assert.equal(handover(before, { me: 'm0', target: 'm1', slots: [0], leaving: true })!.table.standby[0], NONE);
  assert.equal(handover(before, { me: 'm0', target: 'gone', slots: [0], leaving: false }), undefined);
});

test('who is handed slots makes the table that their owner committed', () => {
  const before = table(
    4,
    (s) => s % 3,
    (s) => (s + 1) % 4,
  );
  before.target.fill(3);
  for (const leaving of [true, false]) {
    const step = handover(before, { me: 'm0', target: 'm3', slots: [0, 3, 6, 600], leaving })!;
    const standbys = step.slots.map((slot) => step.table.standby[slot]!);
    assert.deepEqual(handedOver(before, { me: 'm3', slots: step.slots, standbys }), step.table);
  }
});

test('who leaves sends its slots to living standbys, else over the others', () => {
  const before = table(
    4,
    () => 0,
    (s) => (s % 2 ? 1 : 2),
  );
  const next = evacuate(before, 'm0', (m) => m !== 'm2')!;
  assert.equal(next.target[1], 1);
  assert.deepEqual(new Set([next.target[0], next.target[2]]), new Set([1, 3]));
  assert.equal(
    evacuate(next, 'm0', (m) => m !== 'm2'),
    undefined,
    'already done',
  );
  assert.equal(
    evacuate(before, 'm0', () => false),
    undefined,
    'nobody is there',
  );
});
