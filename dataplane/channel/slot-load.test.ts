import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlotLoad } from './slot-load.ts';

test('rates by slot, hottest first; each window weighs half of what was before', () => {
  const load = new SlotLoad();
  load.count(7, 30);
  load.count(7, 10);
  load.count(9, 100);
  assert.deepEqual(load.endWindow(10), {
    perSecond: 14,
    hottest: [
      [9, 10],
      [7, 4],
    ],
  });
  load.count(7, 200);
  assert.deepEqual(load.endWindow(10), {
    perSecond: 17,
    hottest: [
      [7, 12],
      [9, 5],
    ],
  });
  assert.equal(load.perSecond, 17);
});

test('a slot that went leaves no trace; one that fell silent fades out', () => {
  const load = new SlotLoad();
  load.count(1, 100);
  load.count(2, 100);
  load.endWindow(10);
  load.count(1, 100);
  load.forget(1);
  assert.deepEqual(load.endWindow(10).hottest, [[2, 5]]);
  for (let i = 0; i < 12; i++) load.endWindow(10);
  assert.deepEqual(load.endWindow(10), { perSecond: 0, hottest: [] });
});

test('at most 64 slots are named, and all are counted', () => {
  const load = new SlotLoad();
  for (let slot = 0; slot < 1_000; slot++) load.count(slot, 10 + slot);
  const { perSecond, hottest } = load.endWindow(1);
  assert.equal(hottest.length, 64);
  assert.deepEqual(hottest[0], [999, 1_009]);
  assert.equal(perSecond, 509_500);
});
