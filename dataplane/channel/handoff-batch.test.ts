import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  FAR_BATCH,
  FIRST_PACE,
  isFar,
  MAX_BATCH,
  MIN_BATCH,
  nextPace,
  type Pace,
  Paces,
  type Took,
} from './handoff-batch.ts';

/** Half of it for the commit: a machine that is slow at all. */
const took = (pauseMs: number): Took => ({ pauseMs, commitMs: pauseMs / 2, claimMs: pauseMs / 2 });
/** A commit of 10 ms, and the rest for the target. */
const away = (claimMs: number): Took => ({ pauseMs: claimMs + 10, commitMs: 10, claimMs });

/** The size after `rounds` batches whose pause is `fixed` ms and `each` ms more a slot. */
function settled(fixed: number, each: number, leaving = false, rounds = 10): number {
  let pace: Pace = { size: MAX_BATCH, far: 0 };
  for (let i = 0; i < rounds; i++) pace = nextPace(pace, took(fixed + each * pace.size), leaving);
  return pace.size;
}

test('a slow machine gets small batches, a fast one whole ones', () => {
  assert.equal(settled(5, 0.1), MAX_BATCH);
  assert.equal(settled(90, 1), MAX_BATCH);
  assert.equal(settled(200, 1), MIN_BATCH);
});

test('a server that leaves has no time for the smallest', () => {
  assert.equal(settled(200, 1, true), MAX_BATCH);
});

test('of slots handed over on a machine that is busy at first, few are in a slow batch', () => {
  // Milliseconds of the first batches when a drain began right after 10,000 sockets had connected; then 20 to 70.
  const pauses = [249, 141, 280, 142, 334, 333, 174, 231, 260];
  let [pace, moved, slow]: [Pace, number, number] = [FIRST_PACE, 0, 0];
  for (let i = 0; moved < 2731; i++) {
    const pauseMs = pauses[i] ?? 20 + (i % 6) * 10;
    moved += pace.size;
    if (pauseMs > 250) slow += pace.size;
    pace = nextPace(pace, took(pauseMs), false);
  }
  assert.equal(slow, 4 * MIN_BATCH);
});

test('over links that lose packets, where every second answer is late, a batch is large whatever it took', () => {
  const paces = new Paces();
  const claims = [15, 220, 20, 640, 12, 210, 18, 1400];
  for (let i = 0; i < 16; i++) paces.note('t', away(claims[i % claims.length]!), false);
  assert.deepEqual([paces.far, paces.sizeFor('t')], [true, FAR_BATCH]);
  paces.note('t', away(2_000), false);
  assert.equal(paces.sizeFor('t'), FAR_BATCH);
  // Neither quick nor slow: what it was while the way was slow is not kept.
  for (let i = 0; i < 16; i++) paces.note('t', took(100), false);
  assert.equal(paces.far, false, 'until they are well again');
  assert.ok(paces.sizeFor('t') <= MAX_BATCH);
});

test('a busy machine is no slow way, nor is a late answer now and then', () => {
  let pace = FIRST_PACE;
  for (let i = 0; i < 100; i++) {
    pace = nextPace(pace, i % 4 === 0 ? away(400) : took(i % 2 === 0 ? 500 : 100), false);
    assert.ok(!isFar(pace));
  }
});

test('it grows again when it is fast again', () => {
  assert.equal(nextPace({ size: MIN_BATCH, far: 0 }, took(10), false).size, 2 * MIN_BATCH);
});

test('a target that nobody knows begins small, however fast another is; a slow way is slow to all', () => {
  const paces = new Paces();
  for (let i = 0; i < 4; i++) paces.note('warm', took(10), false);
  assert.deepEqual([paces.sizeFor('warm'), paces.sizeFor('cold')], [MAX_BATCH, MIN_BATCH]);
  paces.note('cold', took(300), false);
  assert.deepEqual([paces.sizeFor('warm'), paces.sizeFor('cold')], [MAX_BATCH, MIN_BATCH]);
  paces.keep(new Set(['cold']));
  assert.equal(paces.sizeFor('warm'), MIN_BATCH, 'one that has left is not remembered');
  for (let i = 0; i < 4; i++) paces.note('cold', away(400), false);
  assert.deepEqual([paces.far, paces.sizeFor('warm')], [true, FAR_BATCH]);
});

test('property: the size stays within its bounds, whatever a batch took', () => {
  const ms = fc.double({ min: 0, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.record({ pauseMs: ms, commitMs: ms, claimMs: ms })), fc.boolean(), (batches, leaving) => {
      let pace = FIRST_PACE;
      for (const batch of batches) {
        pace = nextPace(pace, batch, leaving);
        if (pace.size < MIN_BATCH || pace.size > MAX_BATCH || !Number.isInteger(pace.size)) return false;
      }
      return true;
    }),
  );
});
