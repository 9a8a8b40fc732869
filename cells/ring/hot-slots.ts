/**
 * Hot slots: evens out the load that equal numbers of slots leave uneven. Pure.
 *
 * A hot slot of the member with most load changes places with a colder one of another, so that every member keeps its
 * number of slots and the planner has nothing to put back. Only swaps that help are made, hottest member first.
 */
import { NONE, type RingTable } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';
import type { LiveMember, Move } from './plan.ts';

/** What a channel server did lately, per second: events stored, and copies of them sent. */
export interface MemberLoad {
  /** Over all its slots. */
  perSecond: number;
  /** Its hottest slots, hottest first. */
  hottest: readonly (readonly [slot: number, perSecond: number])[];
}

export interface HotSlotOptions {
  /** By incarnation. */
  loads: ReadonlyMap<string, MemberLoad>;
  /** Moves that may start: two a swap. */
  maxMoves: number;
  /** Load of the fullest member over the average from which something is done. */
  above: number;
  /** Load of the whole ring, per second, below which evenness is not worth a move. */
  fromPerSecond: number;
  /** Whether the slot may move: it has not moved lately, and is not pinned. */
  mayMove: (slot: number) => boolean;
}

export interface HotSlotPlan {
  moves: Move[];
  /** Load of the fullest member over the average, by weight; 0 when it is not known or there is none. */
  maxOverAverage: number;
  /** The same after the moves, if the load stays as it is. */
  afterwards: number;
}

/** A swap has to lower the higher of the two by this share of the average. */
const MIN_GAIN = 0.001;

interface Side {
  index: number;
  weight: number;
  load: number;
  hottest: SlotLoad[];
  /** Slots outside `hottest` that may be given in exchange, and what each of them carries on average. */
  cold: number[];
  coldLoad: number;
}

/** `members` are those of the plan: the moves' `to` points into them. Nothing while a member's load is unknown. */
export function planHotSlots(
  table: RingTable,
  members: readonly LiveMember[],
  { loads, maxMoves, above, fromPerSecond, mayMove }: HotSlotOptions,
): HotSlotPlan {
  const sides = sidesOf(table, members, loads, mayMove);
  const average = sides && sum(sides.map((s) => s.load)) / sum(sides.map((s) => s.weight));
  if (!sides || !average) return { moves: [], maxOverAverage: 0, afterwards: 0 };
  const fullest = (): number => Math.max(...sides.map(relative)) / average;
  const maxOverAverage = fullest();
  const moves: Move[] = [];
  const isWorthIt = sum(sides.map((s) => s.load)) >= fromPerSecond;
  while (isWorthIt && moves.length + 2 <= maxMoves) {
    const from = sides.reduce((a, b) => (relative(b) > relative(a) ? b : a));
    if (relative(from) <= above * average) break;
    const swap = bestSwap(from, sides, MIN_GAIN * average);
    if (swap === undefined) break;
    const { to, give, take } = swap;
    moves.push({ slot: give[0], to: to.index, reason: 'hot' }, { slot: take[0], to: from.index, reason: 'hot' });
    // Neither moves twice in one plan.
    from.hottest = from.hottest.filter((h) => h !== give);
    to.hottest = to.hottest.filter((h) => h !== take);
    if (take[0] === to.cold.at(-1)) to.cold.pop();
    from.load += take[1] - give[1];
    to.load += give[1] - take[1];
  }
  return { moves, maxOverAverage, afterwards: fullest() };
}

const relative = (s: Side): number => s.load / s.weight;
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** The members that stay; undefined when one has not reported. */
function sidesOf(
  table: RingTable,
  members: readonly LiveMember[],
  loads: ReadonlyMap<string, MemberLoad>,
  mayMove: (slot: number) => boolean,
): Side[] | undefined {
  const staying = members.flatMap((m, index) => (m.leaving || m.weight <= 0 ? [] : [{ m, index }]));
  const owned = slotsOf(table);
  const sides: Side[] = [];
  for (const { m, index } of staying) {
    const load = loads.get(m.incarnation);
    if (load === undefined) return undefined;
    const slots = owned.get(m.incarnation) ?? [];
    const own = new Set(slots);
    const reported = load.hottest.filter(([slot]) => own.has(slot));
    const named = new Set(reported.map(([slot]) => slot));
    const others = slots.filter((slot) => !named.has(slot));
    const left = load.perSecond - sum(reported.map(([, perSecond]) => perSecond));
    sides.push({
      ...{ index, weight: m.weight, load: load.perSecond },
      hottest: reported.filter(([slot]) => mayMove(slot)).map(([slot, perSecond]) => [slot, perSecond]),
      cold: others.filter(mayMove),
      coldLoad: others.length === 0 ? 0 : Math.max(0, left) / others.length,
    });
  }
  return sides;
}

function slotsOf(table: RingTable): Map<string, number[]> {
  const lists = table.members.map((): number[] => []);
  for (let slot = 0; slot < SLOTS; slot++) if (table.owner[slot] !== NONE) lists[table.owner[slot]!]!.push(slot);
  return new Map(table.members.map((m, i) => [m.incarnation, lists[i]!]));
}

type SlotLoad = [slot: number, perSecond: number];

interface Swap {
  to: Side;
  give: SlotLoad;
  take: SlotLoad;
}

/** The swap after which the fuller of the two is least full; undefined when none gains enough. */
function bestSwap(from: Side, sides: readonly Side[], minGain: number): Swap | undefined {
  let best: Swap | undefined;
  let bestAfter = relative(from) - minGain;
  for (const to of sides) {
    if (to === from) continue;
    for (const take of offered(to)) {
      for (const give of from.hottest) {
        const shift = give[1] - take[1];
        const after = Math.max((from.load - shift) / from.weight, (to.load + shift) / to.weight);
        if (after < bestAfter) [best, bestAfter] = [{ to, give, take }, after];
      }
    }
  }
  return best;
}

/** What a member may give in exchange: any cold slot, which are alike, or one of its hot ones. */
function offered({ cold, coldLoad, hottest }: Side): SlotLoad[] {
  const slot = cold.at(-1);
  return slot === undefined ? hottest : [[slot, coldLoad], ...hottest];
}
