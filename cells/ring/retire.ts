/**
 * The end of a ring's table: nobody owns anything, and it says which ChannelRing has ended. Pure.
 *
 * Its row stays, with the epoch and that alone: the fences in the store have seen the epoch, so a later ring of the same
 * name has to begin above it, or its servers could claim nothing.
 */
import { emptyTable, type RingTable } from '../contract/ring-table.ts';

/** `ended`: the uid of the ChannelRing. Undefined when it is retired already. */
export function retire(table: RingTable, ended: string): RingTable | undefined {
  if (table.members.length === 0 && table.ended === ended) return undefined;
  const epoch = table.epoch + 1;
  const next = emptyTable(table.ring);
  next.slotEpoch.fill(epoch);
  return { ...next, epoch, ended };
}
