/** Makes one channel server the owner of every slot: all that a ring manager has to do in stage 1. */
import { ChatError } from '../../cells/contract/errors.ts';
import type { RingStore } from '../../cells/contract/ring-store.ts';
import { emptyTable, type Member, NONE, nextTable, type RingTable } from '../../cells/contract/ring-table.ts';

const ATTEMPTS = 5;

/**
 * Commits a table in which `member` owns the whole ring from its epoch on. A former incarnation of the process is out
 * by it, also when it still lives: its writes fail at the fences.
 */
export async function ownRing(store: RingStore, ring: string, member: Member): Promise<RingTable> {
  for (let i = 0; i < ATTEMPTS; i++) {
    const table = nextTable((await store.readTable(ring)) ?? emptyTable(ring));
    table.members = [member];
    table.owner.fill(0);
    table.standby.fill(NONE);
    table.target.fill(NONE);
    table.slotEpoch.fill(table.epoch);
    if (await store.compareAndSetTable(table)) return table;
  }
  throw new ChatError('store_conflict');
}
