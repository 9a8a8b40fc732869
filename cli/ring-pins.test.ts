import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberState, RingMember } from './ring-figures.ts';
import { moveRefusal, type Pin, withoutPin, withPin } from './ring-pins.ts';
import { slotNamed } from './slot-name.ts';

const member = (pod: string, state: MemberState): RingMember => ({
  ...{ pod, state, cell: 'a', zone: 'z', address: '', incarnation: `${pod}/1` },
  ...{ slots: 1, standbySlots: 1, claimed: 1, topics: 0, perSecond: 0 },
});
const pins: Pin[] = [
  { slot: 3, pod: 'a' },
  { slot: 9, pod: 'b', reason: 'hot' },
];

test('a pin joins the others, replaces that of its slot, and goes alone', () => {
  assert.deepEqual(
    withPin(pins, { slot: 5, pod: 'c' }).map((p) => p.slot),
    [3, 5, 9],
  );
  assert.deepEqual(withPin(pins, { slot: 9, pod: 'c' }), [pins[0], { slot: 9, pod: 'c' }]);
  assert.deepEqual(withoutPin(pins, 3), [pins[1]]);
  assert.deepEqual(withoutPin(pins, 4), pins);
});

test('refused: a Pod that is no member, leaves or is silent, and a pin too many', () => {
  const members = [member('a', 'serving'), member('b', 'leaving'), member('c', 'silent')];
  const why = (pod: string): string | undefined => moveRefusal({ pod, slot: 1, pins, members });
  assert.equal(why('a'), undefined);
  assert.match(why('b') ?? '', /b is leaving/);
  assert.match(why('c') ?? '', /c is silent/);
  assert.match(why('d') ?? '', /d is no member of the ring; its members are a$/);
  const both = [member('b', 'silent'), member('b', 'serving')];
  assert.equal(moveRefusal({ pod: 'b', slot: 1, pins, members: both }), undefined, 'restarted: the new one serves');
  const full = Array.from({ length: 256 }, (_, slot) => ({ slot, pod: 'a' }));
  assert.match(moveRefusal({ pod: 'a', slot: 300, pins: full, members }) ?? '', /256 pins/);
  assert.equal(moveRefusal({ pod: 'a', slot: 7, pins: full, members }), undefined);
});

test('a slot by number or by an id in it', () => {
  assert.equal(slotNamed('16383'), 16_383);
  assert.equal(slotNamed('C0M3KQ9XYZ12'), slotNamed('U0M3KQ9XYZ12'), 'the number of the id counts');
  for (const text of ['16384', '-1', '1.5', 'x', '', 'Z123'])
    assert.throws(() => slotNamed(text), { code: 'usage' }, text);
});
