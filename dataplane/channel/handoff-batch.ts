/**
 * How many slots a planned handoff freezes at once. Pure. What a batch takes is mostly the same for few slots as for
 * many: many are cheap, and few are little in a pause that turns out long. So it begins small, and is smallest for as
 * long as pauses come near what is promised.
 */

export const MAX_BATCH = 64;
/** Of a pause that is slow and within the promise; for a server that leaves, whose time is bounded, of any. */
export const SLOW_BATCH = 16;
export const MIN_BATCH = 8;
/** Nobody knows yet how fast it goes, and the first ones run code that is not warm. */
export const FIRST_BATCH = MIN_BATCH;

const FAST_MS = 40;
/** A third of the longest pause that is promised, 250 ms: one slow batch does not break it. */
const SLOW_MS = 80;
const NEAR_PROMISE_MS = 160;

/** The size of the next batch after one of `size` whose slots were frozen for `pauseMs`. */
export function nextBatch(size: number, pauseMs: number, leaving: boolean): number {
  if (pauseMs > NEAR_PROMISE_MS) return leaving ? SLOW_BATCH : MIN_BATCH;
  if (pauseMs > SLOW_MS) return size > SLOW_BATCH ? Math.max(SLOW_BATCH, Math.floor(size / 2)) : size;
  return pauseMs < FAST_MS ? Math.min(MAX_BATCH, size * 2) : size;
}
