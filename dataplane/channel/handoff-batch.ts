/**
 * How many slots a planned handoff freezes at once. Pure. What a batch takes is mostly the same for few slots as for
 * many: many are cheap, and few are little in a pause that turns out long. So it begins small, and is smallest for as
 * long as pauses come near what is promised.
 *
 * Where they stay beyond it although few are frozen, as behind a link that loses packets, few at once spare nobody the
 * long pause and only make it last: then more go at once.
 */

export const MAX_BATCH = 64;
/** Of pauses that are long whatever is done. */
export const LONG_BATCH = 32;
/** Of a pause that is slow and within the promise; for a server that leaves, whose time is bounded, of any. */
export const SLOW_BATCH = 16;
export const MIN_BATCH = 8;

const FAST_MS = 40;
/** A third of the longest pause that is promised, 250 ms: one slow batch does not break it. */
const SLOW_MS = 80;
const NEAR_PROMISE_MS = 160;
const PROMISE_MS = 250;
/** Batches beyond the promise, less those within it, from which on they count as long whatever is done. */
const LONG_AFTER = 16;

export interface Pace {
  /** Slots of the next batch. */
  readonly size: number;
  /** Batches beyond the promise, less those within it; at least 0, and no more than it takes. */
  readonly beyond: number;
}

/** Nobody knows yet how fast it goes, and the first batches run code that is not warm. */
export const FIRST_PACE: Pace = { size: MIN_BATCH, beyond: 0 };

/** After a batch whose slots were frozen for `pauseMs`. */
export function nextPace({ size, beyond }: Pace, pauseMs: number, leaving: boolean): Pace {
  const next = Math.min(LONG_AFTER, Math.max(0, beyond + (pauseMs > PROMISE_MS ? 1 : -1)));
  return { size: nextSize(size, pauseMs, leaving, next === LONG_AFTER), beyond: next };
}

function nextSize(size: number, pauseMs: number, leaving: boolean, long: boolean): number {
  if (pauseMs > NEAR_PROMISE_MS) return long ? LONG_BATCH : leaving ? SLOW_BATCH : MIN_BATCH;
  if (pauseMs > SLOW_MS) return size > SLOW_BATCH ? Math.max(SLOW_BATCH, Math.floor(size / 2)) : size;
  return pauseMs < FAST_MS ? Math.min(MAX_BATCH, size * 2) : size;
}
