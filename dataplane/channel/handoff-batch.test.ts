import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FIRST_PACE, LONG_BATCH, MAX_BATCH, MIN_BATCH, nextPace, type Pace, SLOW_BATCH } from './handoff-batch.ts';

/** The size after `rounds` batches whose pause is `fixed` ms and `each` ms more a slot. */
function settled(fixed: number, each: number, leaving = false, rounds = 10): number {
  let pace: Pace = { size: MAX_BATCH, beyond: 0 };
  for (let i = 0; i < rounds; i++) pace = nextPace(pace, fixed + each * pace.size, leaving);
  return pace.size;
}

/** Batches until so many slots are handed over, and how many of these paused for longer than is promised. */
function given(slots: number, pauseOf: (batch: number, size: number) => number): { batches: number; slow: number } {
  let [pace, moved, slow, batches]: [Pace, number, number, number] = [FIRST_PACE, 0, 0, 0];
  while (moved < slots) {
    const pauseMs = pauseOf(batches++, pace.size);
    moved += pace.size;
    if (pauseMs > 250) slow += pace.size;
    pace = nextPace(pace, pauseMs, false);
  }
  return { batches, slow };
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
  assert.equal(given(2731, (i) => pauses[i] ?? 20 + (i % 6) * 10).slow, 4 * MIN_BATCH);
});

test('pauses that stay beyond the promise whatever is done are had for more slots at once', () => {
  const small = 2731 / MIN_BATCH;
  assert.ok(given(2731, () => 400).batches < small / 3);
  assert.ok(given(2731, (i) => (i % 3 === 0 ? 120 : 450)).batches < small / 2, 'a link that loses a third');
  assert.ok(given(2731, (_, size) => 200 + size).batches >= Math.floor(small), 'few help: few they stay');
});

test('it grows again when it is fast again', () => {
  assert.equal(nextPace({ size: MIN_BATCH, beyond: 0 }, 10, false).size, 2 * MIN_BATCH);
  const long = { size: LONG_BATCH, beyond: 16 };
  assert.equal(nextPace(long, 200, false).size, MIN_BATCH, 'within the promise: small ones keep it so');
});

test('property: the size stays within its bounds, whatever a batch took', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), fc.boolean(), (pauses, leaving) => {
      let pace = FIRST_PACE;
      for (const ms of pauses) {
        pace = nextPace(pace, ms, leaving);
        if (pace.size < MIN_BATCH || pace.size > MAX_BATCH || !Number.isInteger(pace.size)) return false;
      }
      return true;
    }),
  );
});
