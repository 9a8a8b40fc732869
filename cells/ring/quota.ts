/** How many slots each member should own. Pure. */
import { SLOTS } from '../contract/slot.ts';

/**
 * Whole numbers that sum to SLOTS, each the floor or the ceiling of the member's exact share by weight. The ceilings go
 * to those that hold most now, so that a table in balance stays as it is. All zero when no weight is positive.
 */
export function quotas(weights: readonly number[], held: readonly number[]): number[] {
  const total = weights.reduce((sum, w) => sum + w, 0);
  if (total <= 0) return weights.map(() => 0);
  const exact = weights.map((w) => (SLOTS * w) / total);
  const floors = exact.map(Math.floor);
  let left = SLOTS - floors.reduce((sum, n) => sum + n, 0);
  const order = weights
    .map((_, i) => i)
    .filter((i) => exact[i]! > floors[i]!) // as many as the fractions sum to, at least
    .sort((a, b) => held[b]! - floors[b]! - (held[a]! - floors[a]!) || a - b);
  for (const i of order) {
    if (left === 0) break;
    floors[i]!++;
    left--;
  }
  return floors;
}
