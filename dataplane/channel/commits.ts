/** The tables that a channel server commits itself. Pure: the next table, or undefined when there is nothing to do. */
import { memberIndex, NONE, nextTable, type RingTable } from '../../cells/contract/ring-table.ts';

export interface Judgement {
  isDead(incarnation: string): boolean;
  /** It hands its slots over and takes none. */
  isLeaving(incarnation: string): boolean;
  /** Known to be alive and to stay: may be given slots to own or to stand by for. */
  staysAlive(incarnation: string): boolean;
}

/**
 * The standby's commit: it becomes owner of the slots that a dead owner left to it. Slots whose standby is dead, leaving
 * or missing too are shared among the living by number, so that no failure needs a control plane: should two members see
 * it differently, the compare-and-set lets one through, and the claim makes it safe.
 */
export function takeover(
  table: RingTable,
  me: string,
  judge: Judgement,
): { table: RingTable; slots: number[] } | undefined {
  const self = memberIndex(table, me);
  if (self === NONE) return undefined;
  const dead = table.members.map((m) => m.incarnation !== me && judge.isDead(m.incarnation));
  const leaving = table.members.map((m) => m.incarnation !== me && judge.isLeaving(m.incarnation));
  const heirs = table.members.flatMap((m, i) => (i === self || judge.staysAlive(m.incarnation) ? [i] : []));
  const slots: number[] = [];
  for (let slot = 0; slot < table.owner.length; slot++) {
    const owner = table.owner[slot]!;
    if (owner === NONE || !dead[owner]) continue;
    const standby = table.standby[slot]!;
    const orphan = standby === NONE || standby === owner || dead[standby] || leaving[standby];
    if ((orphan ? heirs[slot % heirs.length] : standby) === self) slots.push(slot);
  }
  if (slots.length === 0) return undefined;
  const next = nextTable(table);
  const standbys = standbyChoices(table, self, heirs);
  for (const [i, slot] of slots.entries()) {
    next.owner[slot] = self;
    next.standby[slot] = standbys[i % standbys.length] ?? NONE;
    next.target[slot] = NONE;
    next.slotEpoch[slot] = next.epoch;
  }
  return { table: next, slots };
}

/** Living members other than the owner, those of another zone if there are any. */
function standbyChoices(table: RingTable, owner: number, living: readonly number[]): number[] {
  const others = living.filter((i) => i !== owner);
  const elsewhere = others.filter((i) => table.members[i]!.zone !== table.members[owner]!.zone);
  return elsewhere.length > 0 ? elsewhere : others;
}

/** The owner's commit at the end of a planned handoff. Slots that are not ours, or not meant for `target`, are left out. */
export function handover(
  table: RingTable,
  of: { me: string; target: string; slots: readonly number[]; leaving: boolean },
): { table: RingTable; slots: number[] } | undefined {
  const self = memberIndex(table, of.me);
  const target = memberIndex(table, of.target);
  if (self === NONE || target === NONE) return undefined;
  const slots = of.slots.filter((slot) => table.owner[slot] === self && table.target[slot] === target);
  if (slots.length === 0) return undefined;
  const otherZone = table.members[self]!.zone !== table.members[target]!.zone;
  const next = nextTable(table);
  for (const slot of slots) {
    next.owner[slot] = target;
    next.target[slot] = NONE;
    next.slotEpoch[slot] = next.epoch;
    // The old owner knows the topics best, if it stays and is in another zone.
    if (next.standby[slot] === target) next.standby[slot] = otherZone && !of.leaving ? self : NONE;
  }
  return { table: next, slots };
}

/** The table that a handover to `me` made of this one, from what its owner told. */
export function handedOver(
  table: RingTable,
  of: { me: string; slots: readonly number[]; standbys: readonly number[] },
): RingTable {
  const self = memberIndex(table, of.me);
  const next = nextTable(table);
  for (const [i, slot] of of.slots.entries()) {
    next.owner[slot] = self;
    next.standby[slot] = of.standbys[i]!;
    next.target[slot] = NONE;
    next.slotEpoch[slot] = next.epoch;
  }
  return next;
}

/**
 * A server that ends by plan sends its slots to their standbys, or over the other members in turn. Only members that
 * live and stay are chosen. Undefined when every slot has a live target or nobody is there to take it.
 */
export function evacuate(
  table: RingTable,
  me: string,
  staysAlive: (incarnation: string) => boolean,
): RingTable | undefined {
  const self = memberIndex(table, me);
  if (self === NONE) return undefined;
  const fit = table.members.map((m) => m.incarnation !== me && staysAlive(m.incarnation));
  const others = fit.flatMap((ok, index) => (ok ? [index] : []));
  if (others.length === 0) return undefined;
  const next = nextTable(table);
  let turn = 0;
  let changed = false;
  for (let slot = 0; slot < table.owner.length; slot++) {
    if (table.owner[slot] !== self || fit[table.target[slot]!]) continue;
    const standby = table.standby[slot]!;
    next.target[slot] = fit[standby] ? standby : others[turn++ % others.length]!;
    changed = true;
  }
  return changed ? next : undefined;
}
