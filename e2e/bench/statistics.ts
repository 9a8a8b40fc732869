/** Quantiles of what was measured. Pure. */

/** The q-quantile (0 to 1) by linear interpolation; NaN of nothing. */
export function quantile(values: Iterable<number>, q: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return Number.NaN;
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at % 1);
}

export const median = (values: Iterable<number>): number => quantile(values, 0.5);
