/** Sums of outcomes over a window, and whether they are those of something that fails. Pure. */
import type { HealthPolicy } from './policy.ts';
import type { Outcomes } from './report.ts';

/** One bucket of a sum. */
export interface Count {
  requests: number;
  errors: number;
}

/**
 * `unknown`: too few requests, or less history than the window. `troubled`: the error rate over the window is too high,
 * but it was a burst. `failing`: too high, and lasting through the window.
 */
export type State = 'unknown' | 'fine' | 'troubled' | 'failing';

/** A bucket of a failing pair must itself show this part of the error rate: few requests scatter. */
const BUCKET_PART = 0.5;
/** One bucket in so many may show nothing. */
const EXCUSED_IN = 12;

/** The newest `buckets` of several rows, bucket by bucket, without the workspace that is judged apart. */
export function sum(
  rows: readonly (readonly (Count & Pick<Outcomes, 'worst'>)[])[],
  buckets: number,
  without: string | undefined,
): Count[] {
  const longest = Math.min(buckets, Math.max(0, ...rows.map((r) => r.length)));
  return Array.from({ length: longest }, (_, i) => {
    const fromEnd = longest - i;
    let requests = 0;
    let errors = 0;
    for (const row of rows) {
      const bucket = row.at(-fromEnd);
      if (row.length < fromEnd || bucket === undefined) continue;
      const apart = without !== undefined && bucket.worst?.workspace === without ? bucket.worst : undefined;
      requests += bucket.requests - (apart?.requests ?? 0);
      errors += bucket.errors - (apart?.errors ?? 0);
    }
    return { requests, errors };
  });
}

export function total(counts: readonly Count[]): Count {
  return counts.reduce((a, b) => ({ requests: a.requests + b.requests, errors: a.errors + b.errors }), {
    requests: 0,
    errors: 0,
  });
}

export const rateOf = ({ requests, errors }: Count): number => (requests > 0 ? errors / requests : 0);

export function stateOf(counts: readonly Count[], policy: HealthPolicy): State {
  const { windowBuckets, errorRate, minRequests } = policy;
  const all = total(counts);
  if (counts.length < windowBuckets || all.requests < minRequests * windowBuckets) return 'unknown';
  if (rateOf(all) <= errorRate) return 'fine';
  const showing = counts.filter((c) => rateOf(c) > errorRate * BUCKET_PART).length;
  return showing >= windowBuckets - Math.floor(windowBuckets / EXCUSED_IN) ? 'failing' : 'troubled';
}

/** What is bad by itself fails this many times as often as the rest. */
export const CONTRAST = 2;

/**
 * Whether one fails by itself in so large a part of the buckets: neither does a burst of the others take anything from
 * what has failed before and after it, nor is a burst of its own enough. Both are of the window's length.
 */
export function standsOut(
  its: readonly Count[],
  others: readonly Count[],
  { part, policy }: { part: number; policy: HealthPolicy },
): boolean {
  const least = BUCKET_PART * policy.errorRate;
  const standing = its.filter((count, i) => {
    const [mine, theirs] = [rateOf(count), rateOf(others[i]!)];
    // Where the others fail often too, it is what still succeeds that tells.
    return mine > least + CONTRAST * theirs || 1 - mine < (1 - theirs) / CONTRAST - least;
  });
  return standing.length >= its.length * part;
}

/** Several rows as one of the window's length, the newest last. */
export const addUp = (rows: readonly (readonly Count[])[], { windowBuckets }: HealthPolicy): Count[] =>
  Array.from({ length: windowBuckets }, (_, i) => total(rows.flatMap((r) => r.at(i - windowBuckets) ?? [])));
