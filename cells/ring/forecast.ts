/**
 * What becomes of a ring when nobody joins or leaves any more: every handoff, takeover and plan carried out to the end.
 * Pure; commits nothing. What must stay true: it plans with the planner itself, so that it cannot say anything else.
 */
import { type Member, NONE, nextTable, type RingTable } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';
import { commitPlan } from './commit.ts';
import { type LiveMember, type MoveReason, type PlanOptions, plan } from './plan.ts';

/** `takeover`: by the standby of a dead owner. `orphan`: owner and standby are gone. `under way`: begun already. */
export type TransferReason = MoveReason | 'takeover' | 'orphan' | 'under way';

export interface Transfer {
  /** Incarnations; undefined: nobody. */
  from: string | undefined;
  to: string;
  reason: TransferReason;
  slots: number;
}

export interface ForecastMember extends Omit<Member, 'weight'> {
  slots: number;
  slotsAfter: number;
  standbySlots: number;
  standbySlotsAfter: number;
}

export interface Forecast {
  /** Most slots first. */
  transfers: Transfer[];
  /** Slots whose standby becomes another one. */
  standbys: number;
  /** Of the table and the living, by cell and Pod. */
  members: ForecastMember[];
}

/** A plan whose moves are done gives an empty one at once; standbys follow in the next. */
const MAX_ROUNDS = 10;

/** `members` are the living. */
export function forecast(table: RingTable, members: readonly LiveMember[], { pins }: PlanOptions = {}): Forecast {
  const reasons = new Map<number, TransferReason>();
  const living = new Set(members.map((m) => m.incarnation));
  const dead = new Set(table.members.map((m) => m.incarnation).filter((i) => !living.has(i)));
  let after = takenOver(table, members, dead, reasons);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const planned = plan(after, members, pins ? { pins } : {});
    for (const { slot } of planned.assign) reasons.set(slot, 'orphan');
    for (const { slot, reason } of planned.moves) reasons.set(slot, reason);
    const next = commitPlan(after, planned, { moves: planned.moves, dead }) ?? nextTable(after);
    if (!handedOver(next, reasons) && planned.assign.length + planned.standbys.length === 0) break;
    after = next;
  }
  return { transfers: transfersOf(table, after, reasons), ...sharesOf(table, after, members) };
}

/** Standbys take the slots of the dead, if they are to stay. */
function takenOver(
  table: RingTable,
  members: readonly LiveMember[],
  dead: ReadonlySet<string>,
  reasons: Map<number, TransferReason>,
): RingTable {
  const next = nextTable(table);
  const staying = new Set(members.filter((m) => !m.leaving).map((m) => m.incarnation));
  const nameOf = (index: number): string => table.members[index]?.incarnation ?? '';
  for (let slot = 0; slot < SLOTS; slot++) {
    if (!dead.has(nameOf(table.owner[slot]!)) || !staying.has(nameOf(table.standby[slot]!))) continue;
    next.owner[slot] = table.standby[slot]!;
    next.standby[slot] = next.target[slot] = NONE;
    next.slotEpoch[slot] = next.epoch;
    reasons.set(slot, 'takeover');
  }
  return next;
}

/** Ends every handoff; returns whether there was one. */
function handedOver(table: RingTable, reasons: Map<number, TransferReason>): boolean {
  let moved = false;
  for (let slot = 0; slot < SLOTS; slot++) {
    if (table.target[slot] === NONE) continue;
    table.owner[slot] = table.target[slot]!;
    table.target[slot] = NONE;
    table.slotEpoch[slot] = table.epoch;
    if (!reasons.has(slot)) reasons.set(slot, 'under way');
    moved = true;
  }
  return moved;
}

function transfersOf(before: RingTable, after: RingTable, reasons: ReadonlyMap<number, TransferReason>): Transfer[] {
  const transfers = new Map<string, Transfer>();
  for (let slot = 0; slot < SLOTS; slot++) {
    const from = before.members[before.owner[slot]!]?.incarnation;
    const to = after.members[after.owner[slot]!]?.incarnation;
    if (to === undefined || from === to) continue;
    const reason = reasons.get(slot) ?? 'under way';
    const key = JSON.stringify([from, to, reason]);
    const transfer = transfers.get(key) ?? { from, to, reason, slots: 0 };
    transfer.slots++;
    transfers.set(key, transfer);
  }
  return [...transfers.values()].sort((a, b) => b.slots - a.slots || (a.to < b.to ? -1 : 1));
}

function sharesOf(
  before: RingTable,
  after: RingTable,
  living: readonly LiveMember[],
): Pick<Forecast, 'members' | 'standbys'> {
  const members = new Map<string, ForecastMember>();
  for (const { incarnation, pod, cell, zone, address } of [...before.members, ...living])
    members.set(incarnation, {
      ...{ incarnation, pod, cell, zone, address, slots: 0, slotsAfter: 0, standbySlots: 0, standbySlotsAfter: 0 },
    });
  const add = (table: RingTable, index: number, key: 'slots' | 'slotsAfter' | 'standbySlots' | 'standbySlotsAfter') => {
    const incarnation = table.members[index]?.incarnation;
    if (incarnation !== undefined) members.get(incarnation)![key]++;
    return incarnation;
  };
  let standbys = 0;
  for (let slot = 0; slot < SLOTS; slot++) {
    add(before, before.owner[slot]!, 'slots');
    add(after, after.owner[slot]!, 'slotsAfter');
    if (add(before, before.standby[slot]!, 'standbySlots') !== add(after, after.standby[slot]!, 'standbySlotsAfter'))
      standbys++;
  }
  const order = (m: ForecastMember): string => `${m.cell}/${m.pod}/${m.incarnation}`;
  return { standbys, members: [...members.values()].sort((a, b) => (order(a) < order(b) ? -1 : 1)) };
}
