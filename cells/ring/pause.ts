/** Planned moves that wait, since the drain of a cell is paused. Pure. */
import type { RingTable } from '../contract/ring-table.ts';
import type { Move, Plan } from './plan.ts';

/**
 * The moves of a plan that may be started. `paused`: incarnations of the servers whose cell stands still: their slots
 * stay, and none comes to them for the sake of balance. Pins are obeyed, and so is whoever shuts down.
 */
export function movable(table: RingTable, { moves, members }: Plan, paused: ReadonlySet<string>): Move[] {
  if (paused.size === 0) return moves;
  const stands = (incarnation: string | undefined): boolean => incarnation !== undefined && paused.has(incarnation);
  return moves.filter(({ slot, to, reason }) => {
    if (reason === 'pin') return true;
    if (stands(table.members[table.owner[slot]!]?.incarnation)) return false;
    return !(reason === 'rebalance' && stands(members[to]?.incarnation));
  });
}
