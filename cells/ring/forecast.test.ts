import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptyTable, NONE } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';
import { type Forecast, forecast } from './forecast.ts';
import { commit, member, moved, ownerOf, settle, some } from './ring.test-support.ts';

const total = ({ transfers }: Forecast): number => transfers.reduce((sum, t) => sum + t.slots, 0);
const reasonsOf = ({ transfers }: Forecast): string[] => [...new Set(transfers.map((t) => t.reason))];

test('a ring at rest: nothing', () => {
  const members = some(6);
  const quiet = forecast(settle(emptyTable('r'), members), members);
  assert.deepEqual([quiet.transfers, quiet.standbys], [[], 0]);
  assert.ok(quiet.members.every((m) => m.slots === m.slotsAfter && m.standbySlots === m.standbySlotsAfter));
});

test('a new ring, a server more, one that leaves, a dead one, a pin: each with its reason', () => {
  const members = some(6);
  const table = settle(emptyTable('r'), members);
  const fresh = forecast(emptyTable('r'), members);
  assert.deepEqual([reasonsOf(fresh), total(fresh), fresh.standbys], [['orphan'], SLOTS, SLOTS]);

  const joined = forecast(table, [...members, member(6)]);
  assert.deepEqual(reasonsOf(joined), ['rebalance']);
  assert.ok(joined.transfers.every((t) => t.to === 'uid-6/1'));
  assert.ok(Math.abs(total(joined) - SLOTS / 7) <= 1);

  const left = forecast(table, [{ ...members[0]!, leaving: true }, ...members.slice(1)]);
  assert.deepEqual(reasonsOf(left), ['evacuate']);
  assert.ok(left.transfers.every((t) => t.from === 'uid-0/1'));
  assert.equal(left.members.find((m) => m.incarnation === 'uid-0/1')?.slotsAfter, 0);

  const died = forecast(table, members.slice(1));
  assert.ok(reasonsOf(died).includes('takeover'));
  assert.equal(died.members.find((m) => m.incarnation === 'uid-0/1')?.slotsAfter, 0);

  const slot = Array.from({ length: SLOTS }, (_, s) => s).find((s) => ownerOf(table, s) !== 'uid-0/1')!;
  const pinned = forecast(table, members, { pins: new Map([[slot, 'pod-0']]) });
  assert.deepEqual(
    pinned.transfers.filter((t) => t.reason === 'pin'),
    [{ from: ownerOf(table, slot), to: 'uid-0/1', reason: 'pin', slots: 1 }],
  );
});

test('a handoff that has begun is told as one', () => {
  const members = some(6);
  const leaving = [{ ...members[0]!, leaving: true }, ...members.slice(1)];
  const begun = commit(settle(emptyTable('r'), members), leaving);
  assert.ok(begun.target.some((t) => t !== NONE));
  assert.deepEqual(reasonsOf(forecast(begun, leaving)), ['under way']);
});

test('property: it says what happens: as many slots change hands, and each member ends with as many', () => {
  const change = fc.record({ leave: fc.subarray([0, 1, 2, 3, 4]), join: fc.integer({ min: 0, max: 3 }) });
  fc.assert(
    fc.property(change, ({ leave, join }) => {
      const before = some(6);
      const table = settle(emptyTable('r'), before);
      const members = [
        ...before.map((m, i) => ({ ...m, leaving: leave.includes(i) })),
        ...Array.from({ length: join }, (_, i) => member(10 + i)),
      ];
      const ahead = forecast(table, members);
      const end = settle(table, members);
      assert.equal(total(ahead), moved(table, end).length);
      for (const m of ahead.members) {
        const at = end.members.findIndex((e) => e.incarnation === m.incarnation);
        const slots = end.owner.reduce((n, owner) => (owner === at ? n + 1 : n), 0);
        assert.equal(m.slotsAfter, slots, m.pod);
      }
    }),
    { numRuns: 10 },
  );
});
