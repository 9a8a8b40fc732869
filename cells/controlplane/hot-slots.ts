/**
 * When the load of one ring is looked at, and how much of it may be moved. Every replica does it: a commit of one is a
 * change that all see, and after a change all wait, so that the budget holds however many there are.
 */
import type { ChannelRing } from '../../crds/index.ts';
import type { SlotLoadReport } from '../contract/ring-store.ts';
import type { RingTable } from '../contract/ring-table.ts';
import { type HotSlotPlan, type MemberLoad, planHotSlots } from '../ring/hot-slots.ts';
import type { LiveMember } from '../ring/plan.ts';
import type { SlotHistory } from './slot-history.ts';

/** Reports come every ten seconds. */
const LOOK_EVERY_MS = 10_000;
/** After slots have changed hands, until each member has reported three times as it is now. */
const SETTLE_MS = 30_000;
/** A report that has not been replaced for so long is not believed. */
const REPORT_FRESH_MS = 45_000;
/** A slot that has moved stays for so long. */
const REST_MS = 5 * 60_000;
/** A server does many times that alone, and chance makes little load uneven again and again. */
const FROM_PER_SECOND = 1_000;

export interface HotSlotPolicy {
  enabled: boolean;
  maxMovesPerMinute: number;
  /** Load of the fullest member over the average from which slots are moved. */
  above: number;
  /** Load of the whole ring, per second, from which slots are moved. */
  fromPerSecond: number;
}

export const hotSlotPolicy = ({ hotSlots }: ChannelRing['spec']): HotSlotPolicy => ({
  enabled: hotSlots?.enabled ?? true,
  maxMovesPerMinute: hotSlots?.maxMovesPerMinute ?? 120,
  above: (hotSlots?.abovePercent ?? 115) / 100,
  fromPerSecond: FROM_PER_SECOND,
});

export interface Look {
  /** Monotonic. */
  at: number;
  /** Load of the fullest member over the average, by weight; 0 when it is not known. */
  maxOverAverage: number;
  /** Moves that it led to. */
  moves: number;
  /** Over all members, hottest first. */
  hottest: readonly { slot: number; incarnation: string; perSecond: number }[];
}

export interface HotRing {
  table: RingTable;
  /** Those of the plan. */
  members: readonly LiveMember[];
  pinned: ReadonlyMap<number, string>;
}

/** How many of the hottest slots a look keeps, for whoever asks. */
const KEEP_HOTTEST = 10;

export class HotSlots {
  readonly #reports = new Map<string, { counter: number; at: number }>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #last: Look | undefined;
  /** Once it has begun it goes on to half of the distance, so that it does not begin again at once. */
  #active = false;

  /** Whether the load is to be read now; only of a ring in which nothing moves and nothing is to be moved. */
  isDue(policy: HotSlotPolicy, history: SlotHistory, now: number): boolean {
    const settled = now - history.lastChangeAt >= SETTLE_MS;
    if (!policy.enabled || !settled || now - this.#lookedAt < LOOK_EVERY_MS) return false;
    this.#lookedAt = now;
    return true;
  }

  plan(
    of: HotRing,
    reports: readonly SlotLoadReport[],
    policy: HotSlotPolicy,
    history: SlotHistory,
    now: number,
  ): HotSlotPlan {
    const planned = this.#planned(of, reports, policy, history, now);
    this.#active = planned.moves.length > 0;
    const { maxOverAverage, moves } = planned;
    this.#last = { at: now, maxOverAverage, moves: moves.length, hottest: hottestOf(reports) };
    return planned;
  }

  /** What `plan` would say now, with nothing decided; undefined while the load is not to be looked at. */
  preview(
    of: HotRing,
    reports: readonly SlotLoadReport[],
    policy: HotSlotPolicy,
    history: SlotHistory,
    now: number,
  ): HotSlotPlan | undefined {
    if (!policy.enabled || now - history.lastChangeAt < SETTLE_MS) return undefined;
    return this.#planned(of, reports, policy, history, now);
  }

  #planned(
    of: HotRing,
    reports: readonly SlotLoadReport[],
    policy: HotSlotPolicy,
    history: SlotHistory,
    now: number,
  ): HotSlotPlan {
    return planHotSlots(of.table, of.members, {
      loads: this.#fresh(reports, now),
      maxMoves: Math.floor((policy.maxMovesPerMinute * SETTLE_MS) / 60_000),
      above: this.#active ? 1 + (policy.above - 1) / 2 : policy.above,
      fromPerSecond: policy.fromPerSecond,
      mayMove: (slot) => !of.pinned.has(slot) && history.hasRested(slot, REST_MS, now),
    });
  }

  /** The last time that the load was looked at. */
  get last(): Look | undefined {
    return this.#last;
  }

  #fresh(reports: readonly SlotLoadReport[], now: number): Map<string, MemberLoad> {
    const fresh = new Map<string, MemberLoad>();
    const known = new Set(reports.map((r) => r.incarnation));
    for (const incarnation of this.#reports.keys()) if (!known.has(incarnation)) this.#reports.delete(incarnation);
    for (const { incarnation, counter, perSecond, hottest } of reports) {
      const before = this.#reports.get(incarnation);
      const seen = before?.counter === counter ? before : { counter, at: now };
      this.#reports.set(incarnation, seen);
      if (now - seen.at < REPORT_FRESH_MS) fresh.set(incarnation, { perSecond, hottest });
    }
    return fresh;
  }
}

const hottestOf = (reports: readonly SlotLoadReport[]): Look['hottest'] =>
  reports
    .flatMap(({ incarnation, hottest }) => hottest.map(([slot, perSecond]) => ({ slot, incarnation, perSecond })))
    .sort((a, b) => b.perSecond - a.perSecond)
    .slice(0, KEEP_HOTTEST);
