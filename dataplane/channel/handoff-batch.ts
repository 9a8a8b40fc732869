/**
 * How many slots a planned handoff freezes at once. Pure. What a batch takes is the same for 8 slots as for 64 (24 to
 * 37 ms at the median, 150 to 180 at the p99, of 4,000 on two busy cores): with many, as many slots pause for long, but
 * those of one move all at once. So it is never large, begins small with each target, whose code is not warm when it has
 * just started, and is smallest for as long as pauses come near what is promised.
 *
 * Unless it is the way to the targets that is slow, as over links that lose packets: few at once, and one target after
 * another, then spare nobody the long pause and only make the whole last.
 */

export const MAX_BATCH = 16;
/** Over a slow way. */
export const FAR_BATCH = 32;
export const MIN_BATCH = 8;

const FAST_MS = 40;
/** Of the longest pause that is promised, 250 ms. */
const NEAR_PROMISE_MS = 160;
/** A busy machine is slow at all that it does; this many times the commit, and it is the way. */
const FAR_CLAIM = 4;
/** What one answer over a slow way counts against others; so much of it, and the way counts as slow. */
const FAR_WEIGHT = 2;
const FAR_FROM = 8;
const FAR_MAX = 16;

export interface Pace {
  /** Slots of the next batch, unless the way is slow. */
  readonly size: number;
  /** Evidence that the way is slow: 0 to FAR_MAX. */
  readonly far: number;
}

/** What a batch took, in ms. */
export interface Took {
  /** For this long its slots accepted nothing. */
  pauseMs: number;
  /** Of which the commit of the table. */
  commitMs: number;
  /** Of which until the target said that it had claimed them. */
  claimMs: number;
}

/** Nobody knows yet how fast it goes, and the first batches run code that is not warm. */
export const FIRST_PACE: Pace = { size: MIN_BATCH, far: 0 };

/** Several targets may be waited for at once. */
export const isFar = ({ far }: Pick<Pace, 'far'>): boolean => far >= FAR_FROM;

export function nextPace({ size, far }: Pace, took: Took, leaving: boolean): Pace {
  const slowWay = took.claimMs > NEAR_PROMISE_MS && took.claimMs > FAR_CLAIM * took.commitMs;
  const next = { far: Math.min(FAR_MAX, Math.max(0, far + (slowWay ? FAR_WEIGHT : -1))) };
  return { ...next, size: nextSize(size, took.pauseMs, leaving) };
}

/** The time of a server that leaves is bounded. */
function nextSize(size: number, pauseMs: number, leaving: boolean): number {
  if (leaving || pauseMs < FAST_MS) return MAX_BATCH;
  return pauseMs > NEAR_PROMISE_MS ? MIN_BATCH : size;
}

/** Of one owner: the way to others is one, and how fast they take slots is known of each. */
export class Paces {
  #far = FIRST_PACE.far;
  readonly #sizes = new Map<string, number>();

  get far(): boolean {
    return isFar({ far: this.#far });
  }

  /** Slots of the next batch for this target. */
  sizeFor(target: string): number {
    return this.far ? FAR_BATCH : this.#sizeOf(target);
  }

  #sizeOf(target: string): number {
    return this.#sizes.get(target) ?? FIRST_PACE.size;
  }

  note(target: string, took: Took, leaving: boolean): void {
    const next = nextPace({ size: this.#sizeOf(target), far: this.#far }, took, leaving);
    this.#far = next.far;
    this.#sizes.set(target, next.size);
  }

  /** Forgets all other targets. */
  keep(targets: ReadonlySet<string>): void {
    for (const known of this.#sizes.keys()) if (!targets.has(known)) this.#sizes.delete(known);
  }
}
