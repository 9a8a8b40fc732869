/** Figures of a slot table, for status and debugging. Pure. */
import { NONE, type RingTable } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';

export interface MemberShare {
  incarnation: string;
  pod: string;
  cell: string;
  zone: string;
  address: string;
  slots: number;
  standbySlots: number;
}

export interface Shares {
  members: MemberShare[];
  movesInFlight: number;
  /** Slots that nobody owns. */
  orphans: number;
  /** The most slots of an owner over the average of the owners; 0 when there is none. */
  maxOverAverage: number;
}

export function sharesOf(table: RingTable): Shares {
  const slots = new Array<number>(table.members.length).fill(0);
  const standbySlots = new Array<number>(table.members.length).fill(0);
  let movesInFlight = 0;
  let orphans = 0;
  for (let slot = 0; slot < SLOTS; slot++) {
    if (table.owner[slot] === NONE) orphans++;
    else slots[table.owner[slot]!]!++;
    if (table.standby[slot] !== NONE) standbySlots[table.standby[slot]!]!++;
    if (table.target[slot] !== NONE) movesInFlight++;
  }
  const owners = slots.filter((n) => n > 0);
  return {
    members: table.members.map(({ weight: _, ...m }, i) => ({
      ...m,
      slots: slots[i]!,
      standbySlots: standbySlots[i]!,
    })),
    movesInFlight,
    orphans,
    maxOverAverage: owners.length === 0 ? 0 : Math.max(...owners) / ((SLOTS - orphans) / owners.length),
  };
}
