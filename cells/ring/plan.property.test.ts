// What the planner promises, over sizes, zones and weights; one line of the promise a test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptyTable, type RingTable } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';
import { type LiveMember, plan } from './plan.ts';
import { assertGood, carryOut, commit, isEmpty, member, moved, ownerOf, settle } from './ring.test-support.ts';
import { sharesOf } from './shares.ts';

const RUNS = { numRuns: 8 };
const weight = fc.constantFrom(1, 1, 1, 2, 3);
/** Members of 1–4 zones, some zones with more servers than others. */
const ring = (min: number, max: number) =>
  fc
    .array(fc.record({ zone: fc.nat(3), weight }), { minLength: min, maxLength: max })
    .map((list) => list.map(({ zone, weight }, i): LiveMember => member(i, `z${zone}`, { weight })));
const weightOf = (members: readonly LiveMember[]): number => members.reduce((sum, m) => sum + m.weight, 0);
const countOf = (t: RingTable, m: LiveMember): number =>
  sharesOf(t).members.find((x) => x.incarnation === m.incarnation)?.slots ?? 0;

test('property: a new member gets its share and no slot more, and nothing else moves', () => {
  fc.assert(
    fc.property(ring(1, 24), fc.nat(3), weight, (members, zone, weight) => {
      const before = settle(emptyTable('r'), members);
      const fresh = member(100, `z${zone}`, { weight });
      const all = [...members, fresh];
      const after = settle(before, all);
      const slots = moved(before, after);
      assert.ok(slots.length / SLOTS <= weight / weightOf(all) + 0.005, `${slots.length}`);
      for (const slot of slots) assert.equal(ownerOf(after, slot), fresh.incarnation);
      assertGood(after, all);
    }),
    RUNS,
  );
});

test('property: with equal weights adding to N moves at most 1/(N+1) + 0.5 %', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 4 }), (n, zones) => {
      const members = Array.from({ length: n }, (_, i) => member(i, `z${i % zones}`));
      const before = settle(emptyTable('r'), members);
      const share = moved(before, settle(before, [...members, member(100)])).length / SLOTS;
      assert.ok(share > 0 && share <= 1 / (n + 1) + 0.005, `${n}: ${share}`);
    }),
    RUNS,
  );
});

test('property: a member that leaves or dies gives up its slots, and no other moves', () => {
  fc.assert(
    fc.property(ring(2, 24), fc.nat(23), fc.boolean(), (members, which, byPlan) => {
      const gone = members[which % members.length]!;
      const before = settle(emptyTable('r'), members);
      const rest = members.filter((m) => m !== gone);
      const seen = byPlan ? [...rest, { ...gone, leaving: true }] : rest;
      const after = settle(before, seen);
      for (const slot of moved(before, after)) assert.equal(ownerOf(before, slot), gone.incarnation);
      assert.equal(countOf(after, gone), 0);
      assertGood(after, seen);
    }),
    RUNS,
  );
});

test('property: shares are within one slot of the weights’, so max/avg ≤ 1.01 for equal ones up to 160 servers', () => {
  fc.assert(
    fc.property(ring(1, 24), (members) => {
      const t = settle(emptyTable('r'), members);
      const total = weightOf(members);
      for (const m of members) assert.ok(Math.abs(countOf(t, m) - (SLOTS * m.weight) / total) < 1);
      assert.ok(isEmpty(plan(t, members)));
    }),
    RUNS,
  );
  // 16,384 / 160 = 102.4: one slot is 1 %. Above that whole numbers do not allow it.
  for (const n of [2, 3, 7, 29, 64, 100, 160]) {
    const t = commit(
      emptyTable('r'),
      Array.from({ length: n }, (_, i) => member(i)),
    );
    assert.ok(sharesOf(t).maxOverAverage <= 1.01, `${n}: ${sharesOf(t).maxOverAverage}`);
  }
});

test('property: pinned slots get to their Pods and stay there, in balance, whatever else changes', () => {
  const pins = fc.array(fc.tuple(fc.nat(SLOTS - 1), fc.nat(5)), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(ring(6, 12), pins, fc.nat(3), (members, list, zone) => {
      const options = { pins: new Map(list.map(([slot, n]) => [slot, `pod-${n}`])) };
      const before = settle(emptyTable('r'), members);
      const first = plan(before, members, options);
      const asked = [...options.pins].filter(([slot, pod]) => ownerOf(before, slot) !== `uid-${pod.slice(4)}/1`);
      assert.equal(first.moves.filter((m) => m.reason === 'pin').length, asked.length);
      assert.ok(first.moves.length <= 2 * asked.length, 'at most one other slot makes room for each');
      const all = [...members, member(100, `z${zone}`)];
      const after = settle(settle(before, members, options), all, options);
      for (const [slot, pod] of options.pins) assert.equal(after.members[after.owner[slot]!]?.pod, pod);
      assert.ok(isEmpty(plan(after, all, options)));
      assertGood(after, all);
      const total = weightOf(all);
      for (const m of all) assert.ok(Math.abs(countOf(after, m) - (SLOTS * m.weight) / total) < 1);
    }),
    RUNS,
  );
});

test('a pin turns a move that is under way, and gives way to its Pod’s end', () => {
  const members = [0, 1, 2].map((n) => member(n));
  const before = settle(emptyTable('r'), members);
  const four = [...members, member(9)];
  const moving = commit(before, four);
  const slot = moving.target.findIndex((target) => moving.members[target]?.pod === 'pod-9');
  const elsewhere = members.find((m) => m.incarnation !== ownerOf(moving, slot))!;
  const turned = settle(moving, four, { pins: new Map([[slot, elsewhere.pod]]) });
  assert.equal(ownerOf(turned, slot), elsewhere.incarnation);
  const home = ownerOf(moving, slot)!;
  const kept = plan(moving, four, { pins: new Map([[slot, members.find((m) => m.incarnation === home)!.pod]]) });
  assert.deepEqual(kept.clearTargets, [slot], 'it is where it is to be: the move is called off');
  const leaving = four.map((m) => (m === elsewhere ? { ...m, leaving: true } : m));
  const after = settle(turned, leaving, { pins: new Map([[slot, elsewhere.pod]]) });
  assertGood(after, leaving);
});

test('property: at every step of a change the standby of a slot at rest is outside the owner’s zone', () => {
  fc.assert(
    fc.property(ring(4, 12), ring(4, 12), (first, second) => {
      let t = settle(emptyTable('r'), first);
      const zones = new Set(second.map((m) => m.zone));
      for (let step = 0; step < 4; step++) {
        t = commit(t, second);
        for (let slot = 0; slot < SLOTS; slot++) {
          const owner = t.members[t.owner[slot]!]!;
          const standby = t.members[t.standby[slot]!];
          const elsewhere = zones.size > 1 || !zones.has(owner.zone);
          const isKnown = second.some((m) => m.incarnation === owner.incarnation);
          if (isKnown && elsewhere) assert.notEqual(standby?.zone, owner.zone);
        }
        t = carryOut(t, second);
      }
    }),
    RUNS,
  );
});
