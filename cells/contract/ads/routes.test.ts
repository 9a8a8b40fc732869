import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyTable, type Member, type RingTable } from '../ring-table.ts';
import { SLOT_RANGES, SLOTS, SLOTS_PER_RANGE } from '../slot.ts';
import { cutTable } from './resources.ts';
import { Routes } from './routes.ts';

const RING = 'ns/main';
const member = (n: number): Member => ({
  incarnation: `uid-${n}/1`,
  pod: `channel-${n}`,
  cell: 'cell-a',
  zone: 'a',
  address: `127.0.0.${n}:7000`,
  weight: 1,
});

/** Slot s belongs to member s mod 3; the next one stands by. */
function table(epoch: number): RingTable {
  const made = { ...emptyTable(RING), epoch, members: [member(0), member(1), member(2)] };
  for (let slot = 0; slot < SLOTS; slot++) {
    made.owner[slot] = slot % 3;
    made.standby[slot] = (slot + 1) % 3;
    made.slotEpoch[slot] = 1;
  }
  return made;
}

test('a table that has been heard, in any order, routes every slot', () => {
  const routes = new Routes();
  assert.equal(routes.route(RING, 0), undefined);
  for (const range of cutTable(table(1)).reverse()) {
    assert.equal(routes.complete(RING), false);
    assert.equal(routes.apply(range)?.length, SLOTS_PER_RANGE);
  }
  assert.equal(routes.complete(RING), true);
  for (let slot = 0; slot < SLOTS; slot++) {
    const { owner, standby, epoch } = routes.route(RING, slot)!;
    assert.deepEqual(
      [owner?.incarnation, standby?.incarnation, epoch],
      [`uid-${slot % 3}/1`, `uid-${(slot + 1) % 3}/1`, 1],
    );
  }
  assert.equal(routes.route('ns/other', 0), undefined);
  assert.equal(routes.route(RING, 0)?.owner?.incarnation, 'uid-0/1');
});

test('a server is one object in all ranges', () => {
  const routes = new Routes();
  for (const range of cutTable(table(1))) routes.apply(structuredClone(range));
  const owners = new Set(Array.from({ length: SLOTS }, (_, slot) => routes.route(RING, slot)?.owner));
  assert.equal(owners.size, 3);
  assert.deepEqual(new Set(routes.members(RING)), owners);
});

test('a range that changed: its changed slots, and whom it names no longer', () => {
  const routes = new Routes();
  for (const range of cutTable(table(1))) routes.apply(range);
  const later = { ...table(2), members: [member(0), member(1), { ...member(2), incarnation: 'uid-2/2' }] };
  later.owner[5] = 0;
  const [first, ...rest] = cutTable(later);
  assert.equal(routes.apply(first!)?.includes(5), true);
  assert.equal(routes.members(RING).length, 4, 'the other ranges still name the old incarnation');
  assert.equal(routes.apply(cutTable(table(1))[0]!), undefined, 'an older range is not taken');
  assert.deepEqual(routes.apply(first!), []);
  for (const range of rest) routes.apply(range);
  assert.deepEqual(
    routes
      .members(RING)
      .map((m) => m.incarnation)
      .sort(),
    ['uid-0/1', 'uid-1/1', 'uid-2/2'],
  );
});

test('a ring that is gone has no routes, and may come back', () => {
  const routes = new Routes();
  for (const range of cutTable(table(7))) routes.apply(range);
  assert.equal(routes.route(RING, 1)?.epoch, 1);
  for (let range = 0; range < SLOT_RANGES; range++) {
    assert.equal(routes.remove(RING, range).length, SLOTS_PER_RANGE);
    assert.equal(routes.route(RING, range * SLOTS_PER_RANGE), undefined);
  }
  assert.deepEqual([routes.rings(), routes.members(RING)], [[], []]);
  assert.deepEqual(routes.remove(RING, 0), []);
  for (const range of cutTable(table(1))) routes.apply(range);
  assert.equal(routes.route(RING, 1)?.epoch, 1);
});
