import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_BATCH, MIN_BATCH, nextBatch } from './handoff-batch.ts';

/** Sizes of batches whose pause is `fixed` ms and `each` ms more a slot. */
function sizes(fixed: number, each: number, rounds: number): number[] {
  let size = MAX_BATCH;
  return Array.from({ length: rounds }, () => {
    size = nextBatch(size, fixed + each * size);
    return size;
  });
}

test('a slow machine gets small batches, a fast one whole ones', () => {
  assert.equal(sizes(5, 0.1, 10).at(-1), MAX_BATCH);
  assert.equal(sizes(20, 1.5, 10).at(-1), 32); // 68 ms a batch
  assert.equal(sizes(200, 1, 10).at(-1), MIN_BATCH);
});

test('it grows again when it is fast again', () => {
  assert.equal(nextBatch(MIN_BATCH, 10), 2 * MIN_BATCH);
});

test('property: the size stays within its bounds, whatever a batch took', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), (pauses) => {
      let size = MAX_BATCH;
      for (const ms of pauses) {
        size = nextBatch(size, ms);
        if (size < MIN_BATCH || size > MAX_BATCH || !Number.isInteger(size)) return false;
      }
      return true;
    }),
  );
});
