/**
 * The planner: what should change in a slot table, given who is alive. Pure and idempotent: the plan of a table in
 * which an earlier plan has been carried out is empty.
 *
 * - Owners: weighted rendezvous with a bound of one slot over the exact share; as few moves as the shares allow.
 * - Standbys: never in the owner's zone while another zone has a member; evenly loaded.
 * - Leaving members own nothing in the end. A dead owner's slots are left to its living standby, which commits the
 *   takeover itself.
 */
import { type Member, NONE, type RingTable } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';
import { quotas } from './quota.ts';
import { score, seedOf } from './rendezvous.ts';
import { planStandbys } from './standbys.ts';

export interface LiveMember extends Member {
  /** Shutting down, or of a cell that is being emptied: it keeps its slots only until somebody else has them. */
  leaving: boolean;
}

export interface Move {
  slot: number;
  /** Index into the plan's members. */
  to: number;
  reason: MoveReason;
}

/** `evacuate`: the owner is leaving. `pin`: somebody asked for it. `hot`: one half of a swap for load. */
export type MoveReason = 'evacuate' | 'pin' | 'rebalance' | 'hot';

export interface PlanOptions {
  /** Dead owners whose standbys have had time enough to take over and have not: their slots are given to those. */
  overdue?: ReadonlySet<string>;
  /** Slot → Pod that is to own it for as long as it is a member that stays: ChannelRing.spec.handoff.pins. */
  pins?: ReadonlyMap<number, string>;
}

export interface Plan {
  /** The members that indices here point into: those given, by incarnation. */
  members: readonly LiveMember[];
  /** Slots without a living owner or standby: to be given away now. */
  assign: { slot: number; to: number }[];
  /** Planned handoffs still to be started: pins first, then evacuations. */
  moves: Move[];
  /** Targets that cannot be reached any more. */
  clearTargets: number[];
  /** Standbys to set; -1 for nobody. */
  standbys: { slot: number; to: number }[];
}

/** Per slot, indices into the live members, -1 for nobody. */
export interface Holding {
  owner: Int32Array;
  /** Whoever is to hold the slot when all that is under way is done; -1 for an orphan. */
  heir: Int32Array;
  /** 1 where a planned move may start. */
  free: Uint8Array;
  clearTargets: number[];
  /** Handoffs that pins ask for. */
  pinned: Move[];
  /** A standby is taking over somewhere: balance waits for it, or slots that are in place would move for nothing. */
  takeover: boolean;
}

/** `members` are the living; dead ones are simply absent. */
export function plan(table: RingTable, members: readonly LiveMember[], { overdue, pins }: PlanOptions = {}): Plan {
  const live = [...members].sort((a, b) => (a.incarnation < b.incarnation ? -1 : 1));
  const toLive = liveIndices(table, live);
  const holding = holdingOf(table, live, toLive);
  if (pins) applyPins(holding, live, pins);
  const held = new Array<number>(live.length).fill(0);
  for (const heir of holding.heir) if (heir >= 0) held[heir]!++;
  const wanted = quotas(
    live.map((m) => (m.leaving ? 0 : Math.max(0, m.weight))),
    held,
  );
  if (!wanted.some((n) => n > 0))
    return { members: live, assign: [], moves: [], clearTargets: holding.clearTargets, standbys: [] };
  const room = wanted.map((n, i) => Math.max(0, n - held[i]!));
  const pick = picker(live, room);
  const assign = overdue ? lateTakeovers(table, holding, overdue) : [];
  for (let slot = 0; slot < SLOTS; slot++) if (holding.heir[slot]! < 0) assign.push({ slot, to: pick(slot) });
  const moves = [...holding.pinned, ...planMoves(table, live, holding, held, wanted, pick)];
  const owners = holding.owner.slice();
  for (const { slot, to } of assign) owners[slot] = to;
  return {
    members: live,
    assign,
    moves,
    clearTargets: holding.clearTargets,
    standbys: planStandbys(table, live, owners, toLive),
  };
}

/** Table index → live index, -1 for the dead. */
function liveIndices(table: RingTable, live: readonly LiveMember[]): Int32Array {
  const byIncarnation = new Map(live.map((m, i) => [m.incarnation, i]));
  return Int32Array.from(table.members, (m) => byIncarnation.get(m.incarnation) ?? -1);
}

function holdingOf(table: RingTable, live: readonly LiveMember[], toLive: Int32Array): Holding {
  const at = (index: number): number => (index === NONE ? -1 : (toLive[index] ?? -1));
  const stays = (i: number): boolean => i >= 0 && !live[i]!.leaving;
  const owner = new Int32Array(SLOTS).fill(-1);
  const heir = new Int32Array(SLOTS).fill(-1);
  const free = new Uint8Array(SLOTS);
  const clearTargets: number[] = [];
  let takeover = false;
  for (let slot = 0; slot < SLOTS; slot++) {
    const o = at(table.owner[slot]!);
    owner[slot] = o;
    if (o < 0) {
      const standby = at(table.standby[slot]!);
      if (table.owner[slot] !== NONE && stays(standby)) {
        heir[slot] = standby;
        takeover = true;
      }
      if (table.target[slot] !== NONE) clearTargets.push(slot);
      continue;
    }
    const target = at(table.target[slot]!);
    const underWay = stays(target) && target !== o;
    if (table.target[slot] !== NONE && !underWay) clearTargets.push(slot);
    heir[slot] = underWay ? target : o;
    free[slot] = underWay ? 0 : 1;
  }
  return { owner, heir, free, clearTargets, pinned: [], takeover };
}

/**
 * Pinned slots are on their way to their Pod, or stay there: balance is made with the others. A pin to a Pod that is
 * no member, or leaves, waits; so does one of a slot that is being taken over.
 */
function applyPins(holding: Holding, live: readonly LiveMember[], pins: ReadonlyMap<number, string>): void {
  const { owner, heir, free, clearTargets, pinned } = holding;
  for (const [slot, pod] of pins) {
    const to = live.findIndex((m) => m.pod === pod && !m.leaving);
    if (to < 0 || owner[slot]! < 0) continue;
    if (owner[slot] === to && heir[slot] !== to) clearTargets.push(slot);
    else if (heir[slot] !== to) pinned.push({ slot, to, reason: 'pin' });
    heir[slot] = to;
    free[slot] = 0;
  }
}

/** Slots of overdue owners, to be given to the standbys that have not taken them. */
function lateTakeovers(
  table: RingTable,
  { owner, heir }: Holding,
  overdue: ReadonlySet<string>,
): { slot: number; to: number }[] {
  const late: { slot: number; to: number }[] = [];
  if (overdue.size === 0) return late;
  for (let slot = 0; slot < SLOTS; slot++) {
    const listed = table.members[table.owner[slot]!];
    if (owner[slot]! < 0 && heir[slot]! >= 0 && listed && overdue.has(listed.incarnation))
      late.push({ slot, to: heir[slot]! });
  }
  return late;
}

/** Chooses the best member that still has room for a slot, by rendezvous, and takes the room. */
function picker(live: readonly LiveMember[], room: number[]): (slot: number) => number {
  const seeds = live.map((m) => seedOf(m.incarnation));
  let open = room.flatMap((n, i) => (n > 0 ? [i] : []));
  return (slot) => {
    let best = -1;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (const i of open) {
      const s = open.length === 1 ? 0 : score(slot, seeds[i]!, live[i]!.weight);
      if (s > bestScore) [best, bestScore] = [i, s];
    }
    if (best >= 0 && --room[best]! === 0) open = open.filter((i) => i !== best);
    return best;
  };
}

function planMoves(
  table: RingTable,
  live: readonly LiveMember[],
  holding: Holding,
  held: readonly number[],
  wanted: readonly number[],
  pick: (slot: number) => number,
): Move[] {
  const surplus = held.map((n, i) => (holding.takeover && !live[i]!.leaving ? 0 : Math.max(0, n - wanted[i]!)));
  if (!surplus.some((n) => n > 0)) return [];
  const moves: Move[] = [];
  // Whoever leaves goes first; among a member's slots the latest come go first, so that what a failure has displaced
  // moves on and what has been in place stays.
  const leavingFirst = live
    .map((_, i) => i)
    .sort((a, b) => Number(live[b]!.leaving) - Number(live[a]!.leaving) || a - b);
  const slotsOf = movableSlots(table, holding, surplus);
  for (const from of leavingFirst) {
    const reason = live[from]!.leaving ? 'evacuate' : 'rebalance';
    for (const slot of slotsOf[from]!.slice(0, surplus[from])) {
      const to = pick(slot);
      if (to < 0) return moves;
      moves.push({ slot, to, reason });
    }
  }
  return moves;
}

/** Per member with a surplus, its slots that may move: latest slot epoch first, then by number. */
function movableSlots(table: RingTable, holding: Holding, surplus: readonly number[]): number[][] {
  const keys: number[][] = surplus.map(() => []);
  for (let slot = 0; slot < SLOTS; slot++) {
    const o = holding.owner[slot]!;
    if (o >= 0 && holding.free[slot] === 1 && surplus[o]! > 0)
      keys[o]!.push((2 ** 32 - table.slotEpoch[slot]!) * SLOTS + slot);
  }
  return keys.map((list) => Array.from(Float64Array.from(list).sort(), (key) => key % SLOTS));
}
