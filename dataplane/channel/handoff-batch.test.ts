import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FIRST_BATCH, MAX_BATCH, MIN_BATCH, nextBatch, SLOW_BATCH } from './handoff-batch.ts';

/** The size after `rounds` batches whose pause is `fixed` ms and `each` ms more a slot. */
function settled(fixed: number, each: number, leaving = false, rounds = 10): number {
  let size = MAX_BATCH;
  for (let i = 0; i < rounds; i++) size = nextBatch(size, fixed + each * size, leaving);
  return size;
}

test('a slow machine gets small batches, a fast one whole ones', () => {
  assert.equal(settled(5, 0.1), MAX_BATCH);
  assert.equal(settled(20, 1.5), 32); // 68 ms a batch
  assert.equal(settled(90, 1), SLOW_BATCH);
  assert.equal(settled(200, 1), MIN_BATCH);
});

test('a server that leaves has no time for the smallest', () => {
  assert.equal(settled(200, 1, true), SLOW_BATCH);
});

test('of slots handed over on a machine that is busy at first, few are in a slow batch', () => {
  // Milliseconds of the first batches when a drain began right after 10,000 sockets had connected; then 20 to 70.
  const pauses = [249, 141, 280, 142, 334, 333, 174, 231, 260];
  let [size, moved, slow] = [FIRST_BATCH, 0, 0];
  for (let i = 0; moved < 2731; i++) {
    const pauseMs = pauses[i] ?? 20 + (i % 6) * 10;
    moved += size;
    if (pauseMs > 250) slow += size;
    size = nextBatch(size, pauseMs, false);
  }
  assert.equal(slow, 4 * MIN_BATCH);
});

test('it grows again when it is fast again', () => {
  assert.equal(nextBatch(MIN_BATCH, 10, false), 2 * MIN_BATCH);
});

test('property: the size stays within its bounds, whatever a batch took', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), fc.boolean(), (pauses, leaving) => {
      let size = FIRST_BATCH;
      for (const ms of pauses) {
        size = nextBatch(size, ms, leaving);
        if (size < MIN_BATCH || size > MAX_BATCH || !Number.isInteger(size)) return false;
      }
      return true;
    }),
  );
});
