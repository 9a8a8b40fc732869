/** Turns a plan into the next table. Pure. */
import { type Member, NONE, nextTable, type RingTable } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';
import type { Move, Plan } from './plan.ts';

export interface CommitOptions {
  /** The moves to start now, out of the plan's: what the budget allows. */
  moves: readonly Move[];
  /** Incarnations that the observer knows to be dead; members absent from the plan but not known dead stay listed. */
  dead: ReadonlySet<string>;
}

/** The table with epoch + 1, or undefined when nothing would change. */
export function commitPlan(table: RingTable, plan: Plan, options: CommitOptions): RingTable | undefined {
  const next = nextTable(table);
  const indexOf = enlist(next, plan);
  for (const { slot, to } of plan.assign) {
    next.owner[slot] = indexOf(to);
    next.slotEpoch[slot] = next.epoch;
    next.target[slot] = NONE;
  }
  for (const slot of plan.clearTargets) next.target[slot] = NONE;
  for (const { slot, to } of plan.standbys) next.standby[slot] = indexOf(to);
  for (const { slot, to } of options.moves) next.target[slot] = indexOf(to);
  dropDead(next, options.dead);
  return same(table, next) ? undefined : next;
}

/** Lists the plan's members and refreshes what may change of them. Returns plan index → table index. */
function enlist(next: RingTable, plan: Plan): (index: number) => number {
  const members: Member[] = [...next.members];
  const at = plan.members.map(({ leaving: _, ...member }) => {
    const known = members.findIndex((m) => m.incarnation === member.incarnation);
    if (known >= 0) members[known] = member;
    else members.push(member);
    return known >= 0 ? known : members.length - 1;
  });
  next.members = members;
  return (index) => (index < 0 ? NONE : at[index]!);
}

/** Removes dead members that no slot names any more; a dead standby of a living owner has been replaced by the plan. */
function dropDead(next: RingTable, dead: ReadonlySet<string>): void {
  const named = new Set<number>();
  for (const column of [next.owner, next.standby, next.target]) for (const index of column) named.add(index);
  const kept = next.members.flatMap((m, i) => (dead.has(m.incarnation) && !named.has(i) ? [] : [i]));
  if (kept.length === next.members.length) return;
  const to = new Map(kept.map((from, i) => [from, i]));
  next.members = kept.map((i) => next.members[i]!);
  for (const column of [next.owner, next.standby, next.target])
    for (let slot = 0; slot < SLOTS; slot++) column[slot] = to.get(column[slot]!) ?? NONE;
}

function same(a: RingTable, b: RingTable): boolean {
  return (
    JSON.stringify(a.members) === JSON.stringify(b.members) &&
    (['owner', 'standby', 'target'] as const).every((c) => Buffer.compare(bytes(a[c]), bytes(b[c])) === 0)
  );
}
const bytes = (column: Uint16Array): Uint8Array => new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
