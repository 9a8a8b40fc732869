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
  const of = (c: CellTraffic): number => (c.ready ? c.weight : 0);
  const others = cells.filter((c) => c.name !== own).map((c) => ({ name: c.name, claim: of(c) * c.capacity }));
  const ownCell = cells.find((c) => c.name === own);
  const ownWeight = ownCell ? of(ownCell) : 0;
  const othersCan = others.some((c) => c.claim > 0);
  if (ownWeight === 0 && !othersCan) throw new ChatError('weights_sum_to_zero', { edge: own });
  const ownShare = othersCan ? ownWeight : TOTAL_WEIGHT;
  const shares = apportion(TOTAL_WEIGHT - ownShare, others);
  return new Map(cells.map((c) => [c.name, c.name === own ? ownShare : (shares.get(c.name) ?? 0)]));
}

/**
 * Webster's divisor method: exact, and monotone both ways — a larger claim never gets less, and a larger total takes
 * from nobody. (Rounding by largest remainder is neither.)
 */
function apportion(total: number, claims: readonly { name: string; claim: number }[]): Map<string, number> {
  const seats = new Map<string, number>(claims.map((c) => [c.name, 0]));
  for (let seat = 0; seat < total; seat++) {
    let best: { name: string; quotient: number } | undefined;
    for (const { name, claim } of claims) {
      const quotient = claim / (2 * seats.get(name)! + 1);
      if (quotient > 0 && (best === undefined || quotient > best.quotient)) best = { name, quotient };
    }
    if (best) seats.set(best.name, seats.get(best.name)! + 1);
  }
  return seats;
}
