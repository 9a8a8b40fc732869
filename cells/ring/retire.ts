/**
 * The end of a ring's table: nobody owns anything. Pure.
 *
 * Its row stays, with the epoch alone: the fences in the store have seen that epoch, so a later ring of the same name
 * has to begin above it, or its servers could claim nothing.
 */
import { emptyTable, type RingTable } from '../contract/ring-table.ts';

/** Undefined when it is retired already. */
export function retire(table: RingTable): RingTable | undefined {
  if (table.members.length === 0) return undefined;
  const epoch = table.epoch + 1;
  const next = emptyTable(table.ring);
  next.slotEpoch.fill(epoch);
  return { ...next, epoch };
}
