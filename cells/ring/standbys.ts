/** Who stands by for each slot. Pure; part of the planner. */
import { NONE, type RingTable } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';
import type { LiveMember } from './plan.ts';

/** A standby moves for balance only when it is this much above the least loaded one: 2 % of the average, at least 2 slots. */
const SLACK = 0.02;
const MAX_PASSES = 20;

/**
 * Standbys to change, given the owners (live indices, -1 where the owner is dead: its standby is taking over and is left
 * alone). Standbys that are allowed stay, unless their member carries more than the slack above another.
 */
export function planStandbys(
  table: RingTable,
  live: readonly LiveMember[],
  owners: Int32Array,
  toLive: Int32Array,
): { slot: number; to: number }[] {
  const before = Int32Array.from(table.standby, (index) => (index === NONE ? -1 : (toLive[index] ?? -1)));
  const chooser = new Chooser(live);
  const after = before.slice();
  for (let slot = 0; slot < SLOTS; slot++) {
    const owner = owners[slot]!;
    if (owner < 0) continue;
    if (!chooser.allowed(owner, after[slot]!)) after[slot] = -1;
    else chooser.add(after[slot]!, 1);
  }
  for (let slot = 0; slot < SLOTS; slot++) {
    const owner = owners[slot]!;
    if (owner < 0 || after[slot]! >= 0) continue;
    after[slot] = chooser.least(owner);
    if (after[slot]! >= 0) chooser.add(after[slot]!, 1);
  }
  balance(owners, after, chooser);
  const changes: { slot: number; to: number }[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    if (owners[slot]! < 0) continue;
    const named = table.standby[slot] !== NONE;
    if (after[slot] !== before[slot] || (named && after[slot]! < 0)) changes.push({ slot, to: after[slot]! });
  }
  return changes;
}

function balance(owners: Int32Array, standbys: Int32Array, chooser: Chooser): void {
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    let changed = false;
    for (let slot = 0; slot < SLOTS; slot++) {
      const owner = owners[slot]!;
      const now = standbys[slot]!;
      if (owner < 0 || now < 0) continue;
      const better = chooser.least(owner);
      if (better < 0 || !chooser.muchLess(better, now)) continue;
      chooser.add(now, -1);
      chooser.add(better, 1);
      standbys[slot] = better;
      changed = true;
    }
    if (!changed) return;
  }
}

/** Keeps the loads, and the least loaded member that each owner may have as standby. */
class Chooser {
  readonly #live: readonly LiveMember[];
  readonly #load: number[];
  readonly #zoneOf: number[];
  /** Per zone, whether a member elsewhere can stand by. */
  readonly #elsewhere: boolean[];
  /** Per zone, the least loaded staying member outside of it; undefined when to be found anew. */
  readonly #leastOutside: (number | undefined)[];
  readonly #slack: number;

  constructor(live: readonly LiveMember[]) {
    this.#live = live;
    this.#load = live.map(() => 0);
    const zones = [...new Set(live.map((m) => m.zone))];
    this.#zoneOf = live.map((m) => zones.indexOf(m.zone));
    this.#elsewhere = zones.map((zone) => live.some((m) => this.#can(m) && m.zone !== zone));
    this.#leastOutside = zones.map(() => undefined);
    const weight = live.reduce((sum, m) => sum + (this.#can(m) ? m.weight : 0), 0);
    this.#slack = Math.max(2, (SLACK * SLOTS) / Math.max(weight, 1));
  }

  allowed(owner: number, standby: number): boolean {
    if (standby < 0 || standby === owner || !this.#can(this.#live[standby]!)) return false;
    return this.#zoneOf[standby] !== this.#zoneOf[owner] || !this.#elsewhere[this.#zoneOf[owner]!];
  }

  add(member: number, by: number): void {
    this.#load[member]! += by;
    this.#leastOutside.fill(undefined);
  }

  /** -1 when nobody can. */
  least(owner: number): number {
    const zone = this.#zoneOf[owner]!;
    if (!this.#elsewhere[zone]) return this.#find((i) => this.allowed(owner, i));
    this.#leastOutside[zone] ??= this.#find((i) => this.#zoneOf[i] !== zone && this.#can(this.#live[i]!));
    return this.#leastOutside[zone]!;
  }

  muchLess(a: number, b: number): boolean {
    return this.#relative(b) - this.#relative(a) > this.#slack;
  }

  #find(allowed: (i: number) => boolean): number {
    let best = -1;
    for (let i = 0; i < this.#live.length; i++)
      if (allowed(i) && (best < 0 || this.#relative(i) < this.#relative(best))) best = i;
    return best;
  }

  #relative(i: number): number {
    return this.#load[i]! / this.#live[i]!.weight;
  }

  #can(m: LiveMember): boolean {
    return !m.leaving && m.weight > 0;
  }
}
