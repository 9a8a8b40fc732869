/** How an edge splits its traffic over the cells. Pure. */
import { ChatError } from '../contract/errors.ts';

export interface CellTraffic {
  name: string;
  /** The weight in force, 0–100: the share of its own zone's traffic that the cell takes. */
  weight: number;
  /** Sockets that the cell may hold: others' traffic is spread in proportion to weight × capacity. */
  capacity: number;
  /** Whether it has an endpoint that takes new traffic: a cell without one counts as weight 0. */
  ready: boolean;
}

export const TOTAL_WEIGHT = 100;

/**
 * Whole percents by cell, in the order of `cells`, which sum to exactly 100. The edge's own cell gets its weight w, the
 * others share 100−w. What nobody else can take stays with the own cell. Throws `weights_sum_to_zero` when no cell
 * takes traffic: the caller keeps its last good weights.
 */
export function splitWeights(own: string, cells: readonly CellTraffic[]): Map<string, number> {
  const claims = cells.map(({ name, ready, weight, capacity }) => (name !== own && ready ? weight * capacity : 0));
  const ownCell = cells.find((c) => c.name === own);
  const ownWeight = ownCell?.ready ? ownCell.weight : 0;
  const othersCan = claims.some((claim) => claim > 0);
  if (ownWeight === 0 && !othersCan) throw new ChatError('weights_sum_to_zero', { edge: own });
  const ownShare = othersCan ? ownWeight : TOTAL_WEIGHT;
  const shares = apportion(TOTAL_WEIGHT - ownShare, claims);
  return new Map(cells.map(({ name }, i) => [name, name === own ? ownShare : shares[i]!]));
}

/**
 * Webster's divisor method: exact, and monotone both ways — a larger claim never gets less, and a larger total takes
 * from nobody. (Rounding by largest remainder is neither.) The seats of each claim.
 */
function apportion(total: number, claims: readonly number[]): number[] {
  const seats = claims.map(() => 0);
  for (let seat = 0; seat < total; seat++) {
    let best = -1;
    let largest = 0;
    for (let i = 0; i < claims.length; i++) {
      const quotient = claims[i]! / (2 * seats[i]! + 1);
      if (quotient <= largest) continue;
      best = i;
      largest = quotient;
    }
    if (best >= 0) seats[best]!++;
  }
  return seats;
}
