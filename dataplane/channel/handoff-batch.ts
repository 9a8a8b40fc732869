/** How many slots a planned handoff freezes at once: many are cheap, few are a short pause. Pure. */

/** Small, as nobody knows yet how fast it goes. */
export const FIRST_BATCH = 32;
export const MAX_BATCH = 128;
export const MIN_BATCH = 16;
/** A third of the longest pause that is promised, 250 ms: one slow batch does not break it. */
const SLOW_MS = 80;
const FAST_MS = 40;

/** The size of the next batch after one of `size` whose slots were frozen for `pauseMs`. */
export function nextBatch(size: number, pauseMs: number): number {
  if (pauseMs > SLOW_MS) return Math.max(MIN_BATCH, Math.floor(size / 2));
  return pauseMs < FAST_MS ? Math.min(MAX_BATCH, size * 2) : size;
}
