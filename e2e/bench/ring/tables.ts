/** Slot tables laid out by the real planner, and the time that a plan takes. */
import { emptyTable, NONE, type RingTable } from '../../../cells/contract/ring-table.ts';
import { SLOTS } from '../../../cells/contract/slot.ts';
import { commitPlan } from '../../../cells/ring/commit.ts';
import { type LiveMember, plan } from '../../../cells/ring/plan.ts';
import { cpuMs } from '../cpu.ts';
import { RING } from './lookups.ts';

export const servers = (count: number): LiveMember[] =>
  Array.from({ length: count }, (_, n) => ({
    incarnation: `uid-${n}/1`,
    pod: `channel-${n}`,
    cell: `cell-${n % 3}`,
    zone: `zone-${n % 3}`,
    address: `10.0.${n % 3}.${n}:7000`,
    weight: 1,
    leaving: false,
  }));

/** The table when every move that the planner wants from `from` has been carried out. */
export function laidOut(members: readonly LiveMember[], from: RingTable = emptyTable(RING)): RingTable {
  const p = plan(from, members);
  const table = commitPlan(from, p, { moves: p.moves, dead: new Set() }) ?? from;
  for (let slot = 0; slot < SLOTS; slot++) {
    if (table.target[slot] === NONE) continue;
    table.owner[slot] = table.target[slot]!;
    table.target[slot] = NONE;
  }
  return table;
}

export interface PlanTimes {
  steadyMs: number;
  addMs: number;
  loseMs: number;
  firstMs: number;
}

/** Plans that are timed together: the kernel counts CPU time in steps of up to 4 ms. */
const REPEATS = 10;

/** CPU milliseconds of one plan each: nothing to do, one server more, one dead, and a ring laid out anew. */
export function timePlans(count: number): PlanTimes {
  const all = servers(count);
  const table = laidOut(all);
  const smaller = laidOut(all.slice(1));
  const ms = (from: RingTable, members: readonly LiveMember[]): number =>
    cpuMs(() => {
      for (let i = 0; i < REPEATS; i++) plan(from, members);
    }) / REPEATS;
  return {
    steadyMs: ms(table, all),
    addMs: ms(smaller, all),
    loseMs: ms(table, all.slice(1)),
    firstMs: ms(emptyTable(RING), all),
  };
}
