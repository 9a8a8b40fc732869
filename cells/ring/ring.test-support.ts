/** Members and tables for tests of the planner, and what channel servers would do with a plan. */
import assert from 'node:assert/strict';
import { NONE, type RingTable } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';
import { commitPlan } from './commit.ts';
import { type LiveMember, type Plan, type PlanOptions, plan } from './plan.ts';
import { sharesOf } from './shares.ts';

export const member = (n: number, zone = `z${n % 3}`, change: Partial<LiveMember> = {}): LiveMember => ({
  incarnation: `uid-${n}/1`,
  pod: `pod-${n}`,
  cell: zone,
  zone,
  address: `127.0.0.${n}:7000`,
  weight: 1,
  leaving: false,
  ...change,
});

export const some = (n: number, zones = 3): LiveMember[] =>
  Array.from({ length: n }, (_, i) => member(i, `z${i % zones}`));

export const isEmpty = (p: Plan): boolean =>
  p.assign.length + p.moves.length + p.clearTargets.length + p.standbys.length === 0;

export const commit = (
  table: RingTable,
  members: LiveMember[],
  dead: string[] = [],
  options?: PlanOptions,
): RingTable => {
  const p = plan(table, members, options);
  return commitPlan(table, p, { moves: p.moves, dead: new Set(dead) }) ?? table;
};

/** What owners and standbys do: hand over to targets, take over from the dead. */
export const carryOut = (table: RingTable, members: LiveMember[]): RingTable => {
  const next = {
    ...table,
    owner: table.owner.slice(),
    target: table.target.slice(),
    slotEpoch: table.slotEpoch.slice(),
  };
  const alive = new Set(members.map((m) => m.incarnation));
  next.epoch++;
  for (let slot = 0; slot < SLOTS; slot++) {
    const owner = table.members[table.owner[slot]!];
    const heir = owner && alive.has(owner.incarnation) ? table.target[slot]! : table.standby[slot]!;
    if (heir === NONE || (owner && alive.has(owner.incarnation) && table.target[slot] === NONE)) continue;
    next.owner[slot] = heir;
    next.target[slot] = NONE;
    next.slotEpoch[slot] = next.epoch;
  }
  return next;
};

export const settle = (table: RingTable, members: LiveMember[], options?: PlanOptions): RingTable => {
  for (let at = table, i = 0; ; i++) {
    const next = commit(at, members, [], options);
    if (next === at && sharesOf(at).movesInFlight === 0) return at;
    assert.ok(i < 6, 'a plan that has been carried out leaves nothing to be done');
    at = carryOut(next, members);
  }
};

export const ownerOf = (t: RingTable, slot: number): string | undefined => t.members[t.owner[slot]!]?.incarnation;

export const moved = (a: RingTable, b: RingTable): number[] =>
  Array.from({ length: SLOTS }, (_, s) => s).filter((s) => ownerOf(a, s) !== ownerOf(b, s));

/** Every slot has a staying owner, and a standby that is never in the owner's zone while another zone is up. */
export function assertGood(t: RingTable, members: LiveMember[]): void {
  const by = new Map(members.map((m) => [m.incarnation, m]));
  const staying = members.filter((m) => !m.leaving);
  for (let slot = 0; slot < SLOTS; slot++) {
    const owner = by.get(ownerOf(t, slot) ?? '');
    assert.ok(owner && !owner.leaving, `slot ${slot} has a staying owner`);
    const standby = by.get(t.members[t.standby[slot]!]?.incarnation ?? '');
    if (staying.length === 1) assert.equal(standby, undefined);
    else {
      assert.ok(standby && !standby.leaving && standby !== owner, `slot ${slot} has a standby`);
      if (staying.some((m) => m.zone !== owner.zone)) assert.notEqual(standby.zone, owner.zone);
    }
  }
}
