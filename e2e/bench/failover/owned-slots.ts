import { openRingStore } from '../../../cells/contract/ring-store-open.ts';

/** The slots that the table in the store gives to these Pods now, whoever else is up. `store`: STORE_URL. */
export async function ownedSlots(store: string, ring: string, pods: readonly string[]): Promise<Set<number>> {
  const rings = await openRingStore(store);
  try {
    const table = await rings.readTable(ring);
    if (!table) throw new Error(`${ring} has no table`);
    const owns = table.members.map((m) => pods.includes(m.pod));
    return new Set([...table.owner.keys()].filter((slot) => owns[table.owner[slot]!]));
  } finally {
    await rings.close();
  }
}
