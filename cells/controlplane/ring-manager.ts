/**
 * Keeps the slot tables as ChannelRing.spec wants them: lays out new rings, gives orphans an owner, sets standbys, starts
 * planned handoffs within their budget. All by compare-and-set, so that any number of replicas may run it: who comes
 * second reads again. Takeovers and handoffs themselves are the channel servers'.
 */
import type { Cell, ChannelRing, Workspace } from '../../crds/index.ts';
import type { Clock } from '../contract/clock.ts';
import { parseDurationMs } from '../contract/process/config.ts';
import type { Logger } from '../contract/process/log.ts';
import type { Heartbeat, RingStore } from '../contract/ring-store.ts';
import { emptyTable, NONE, type RingTable } from '../contract/ring-table.ts';
import { MoveBudget } from '../ring/budget.ts';
import { commitPlan } from '../ring/commit.ts';
import { movable } from '../ring/pause.ts';
import { type LiveMember, type Move, type PlanOptions, plan } from '../ring/plan.ts';
import { retire } from '../ring/retire.ts';
import { HotSlots, hotSlotPolicy, type Look } from './hot-slots.ts';
import { type CellView, Membership, type Round } from './membership.ts';
import { holdsSlots, isEmptying } from './orders.ts';
import { SlotHistory } from './slot-history.ts';
import type { Tables } from './tables.ts';

export interface RingManagerOptions {
  store: RingStore;
  tables: Tables;
  rings: ReadonlyMap<string, ChannelRing>;
  cells: ReadonlyMap<string, Cell>;
  workspaces: ReadonlyMap<string, Workspace>;
  /** Interval at which `tick` is called, in ms. */
  periodMs: number;
  clock: Clock;
  log: Logger;
  onCommit: (ring: string, outcome: 'committed' | 'conflict', moves: readonly Move[]) => void;
}

/** A dead owner's standby takes over within a second or two; after so long the ring manager does it in its stead. */
const OVERDUE_MS = 10_000;
/** A dead owner's standbys load what they took over before rebalancing asks anything of them; evacuations go on. */
const CALM_MS = 5_000;

interface ManagedRing {
  /** The failure policy that `membership` was made for. */
  policy: string;
  membership: Membership;
  budget: MoveBudget;
  /** When a listed member was first seen to be gone. */
  goneSince: Map<string, number>;
  /** The table's members as of the last round, and which of them were leaving. */
  listed: ReadonlyMap<string, boolean>;
  /** When one was last found dead that had not been leaving. */
  lossAt: number;
  /** What was observed when last nothing was to be done: while it is the same, nothing is. */
  settled: string;
  history: SlotHistory;
  hot: HotSlots;
  seen: Seen;
}

/** What the last round saw of a ring. */
interface Seen {
  /** The living, and which of them leave. */
  members: readonly LiveMember[];
  /** Moves that are wanted and not started. */
  left: number;
  /** Why nothing is decided at present; undefined when it is. `ended`: it is deleted, and its table says so. */
  held: 'failed' | 'store' | 'incomplete' | 'ended' | undefined;
}

export interface RingView extends Seen {
  /** Slots that changed hands in the last minute. */
  movesPerMinute: number;
  /** The last look at the load, with its age; undefined before the first. */
  look: (Look & { secondsAgo: number }) | undefined;
}

const NOTHING_SEEN: Seen = { members: [], left: 0, held: 'incomplete' };

export class RingManager {
  readonly #options: RingManagerOptions;
  readonly #managed = new Map<string, ManagedRing>();

  constructor(options: RingManagerOptions) {
    this.#options = options;
  }

  /**
   * Handoffs that somebody started, by who gives: see `Tables`. What leaving servers give, and what was taken over from
   * dead ones, has no part in the budget of rebalancing.
   */
  charge(table: RingTable, givers: readonly string[]): void {
    const managed = this.#managed.get(table.ring);
    if (managed === undefined) return;
    const staying = new Set(managed.seen.members.flatMap((m) => (m.leaving ? [] : [m.incarnation])));
    managed.history.observe(table, this.#options.clock.monotonicMs());
    managed.budget.charge(givers.filter((giver) => staying.has(giver)).length);
  }

  /** What is known of a ring; undefined before its first round. */
  view(name: string): RingView | undefined {
    const managed = this.#managed.get(name);
    if (managed === undefined) return undefined;
    const now = this.#options.clock.monotonicMs();
    const { last } = managed.hot;
    return {
      ...managed.seen,
      movesPerMinute: managed.history.movesPerMinute(now),
      look: last && { ...last, secondsAgo: Math.round((now - last.at) / 1000) },
    };
  }

  /** What a look at the load would lead to now; undefined while none is due. Rejects when the store fails. */
  async previewHot(name: string): Promise<{ moves: readonly Move[]; members: readonly LiveMember[] } | undefined> {
    const [managed, ring, table] = [
      this.#managed.get(name),
      this.#options.rings.get(name),
      this.#options.tables.get(name),
    ];
    if (!managed || !ring || !table) return undefined;
    const reports = await this.#options.store.loads(name);
    const { members } = plan(table, managed.seen.members);
    const of = { table, members, pinned: pinsOf(ring) };
    const now = this.#options.clock.monotonicMs();
    const { moves = [] } = managed.hot.preview(of, reports, hotSlotPolicy(ring.spec), managed.history, now) ?? {};
    return { moves, members };
  }

  /** One round over every ring with the rows of all processes. Rejects when the store fails. */
  async tick(rows: readonly Heartbeat[], readAt: number, readDelayMs: number): Promise<void> {
    const { rings } = this.#options;
    for (const name of this.#managed.keys()) if (!rings.has(name)) this.#managed.delete(name);
    for (const [name, ring] of rings) {
      const mine = rows.filter((r) => r.role === 'channel' && r.ring === name);
      await this.#manage(name, ring, mine, readAt, readDelayMs);
    }
  }

  /** The rows could not be read. */
  tickFailed(now: number): void {
    for (const { membership } of this.#managed.values()) membership.observeFailure(now);
  }

  async #manage(name: string, ring: ChannelRing, rows: Heartbeat[], now: number, delayMs: number): Promise<void> {
    const managed = this.#of(name, ring);
    const table = await this.#options.tables.refresh(name);
    const round = managed.membership.observe(rows, table, this.#cellsOf(ring), now, delayMs);
    const { uid, deletionTimestamp } = ring.metadata;
    if (deletionTimestamp !== undefined && !this.#isUsed(ring)) return this.#end(uid, name, table, round, managed);
    // Another replica has ended it, and its deletion has not been heard of here.
    if (deletionTimestamp === undefined && table?.ended === uid) return this.#hasEnded(managed);
    const { withheld } = round.verdict;
    const isNew = table === undefined || table.members.length === 0;
    const held = withheld ?? (isNew && !round.complete ? 'incomplete' : undefined);
    managed.seen = { ...managed.seen, members: round.members, held };
    if (held !== undefined) return;
    await this.#commit(name, ring, table ?? emptyTable(name), round, managed);
    await this.#forget(table, round);
  }

  /** The operator lets the ring go once it is said to have ended. */
  async #end(
    uid: string,
    name: string,
    table: RingTable | undefined,
    round: Round,
    managed: ManagedRing,
  ): Promise<void> {
    await this.#put(name, retire(table ?? emptyTable(name), uid), []);
    const left = this.#options.tables.get(name);
    if (left?.ended !== uid || left.members.length > 0) return;
    await this.#forget(left, round);
    this.#hasEnded(managed);
  }

  #hasEnded(managed: ManagedRing): void {
    managed.seen = { members: [], left: 0, held: 'ended' };
  }

  /** A Workspace that names the ring keeps it, even if it is being deleted. */
  #isUsed({ metadata: { name, namespace } }: ChannelRing): boolean {
    return [...this.#options.workspaces.values()].some(
      (w) => w.metadata.namespace === namespace && w.spec.ring === name,
    );
  }

  async #commit(
    name: string,
    ring: ChannelRing,
    table: RingTable,
    { members, paused, verdict }: Round,
    managed: ManagedRing,
  ): Promise<void> {
    const now = this.#options.clock.monotonicMs();
    const dead = gone(table, members, verdict.dead);
    const late = overdue(dead, managed.goneSince, now);
    const options: PlanOptions = { overdue: late, pins: pinsOf(ring) };
    const seen = JSON.stringify([table.epoch, members, [...dead], [...late], [...pinsOf(ring)]]);
    if (seen === managed.settled) return this.#cool(name, ring, table, members, managed);
    const planned = plan(table, members, options);
    const handoff = ring.spec.handoff ?? {};
    const policy = { maxMovesPerMinute: ring.spec.maxMovesPerMinute ?? 4096, batch: handoff.batch ?? 256 };
    const inFlight = table.target.reduce((n, target) => (target === NONE ? n : n + 1), 0);
    const listed = new Map(
      table.members.map(({ incarnation }) => [incarnation, leaves(incarnation, members, managed)]),
    );
    if (hasLost(managed.listed, listed, verdict.dead)) managed.lossAt = now;
    managed.listed = listed;
    const calm = now - managed.lossAt >= CALM_MS;
    const mayMove = handoff.paused ? [] : movable(table, planned, paused);
    const wanted = calm ? mayMove : mayMove.filter((m) => m.reason !== 'rebalance');
    const moves = managed.budget.choose(wanted, inFlight, policy, now);
    managed.seen = { ...managed.seen, left: planned.moves.length - moves.length };
    const next = commitPlan(table, planned, { moves, dead });
    if (next !== undefined) await this.#put(name, next, moves);
    else if (planned.moves.length === 0 && inFlight === 0) managed.settled = seen;
  }

  /** Nothing is to be done by numbers: perhaps by load. */
  async #cool(
    name: string,
    ring: ChannelRing,
    table: RingTable,
    members: readonly LiveMember[],
    { hot, history }: ManagedRing,
  ): Promise<void> {
    const policy = hotSlotPolicy(ring.spec);
    const now = this.#options.clock.monotonicMs();
    if (ring.spec.handoff?.paused || !hot.isDue(policy, history, now)) return;
    const reports = await this.#options.store.loads(name);
    const pinned = pinsOf(ring);
    const planned = plan(table, members, { pins: pinned });
    const { moves, ...load } = hot.plan({ table, members: planned.members, pinned }, reports, policy, history, now);
    const next = commitPlan(table, planned, { moves, dead: new Set() });
    if (moves.length === 0 || next === undefined) return;
    this.#options.log.info({ ring: name, moves: moves.length, ...load }, 'hot slots change places');
    await this.#put(name, next, moves);
  }

  async #put(name: string, next: RingTable | undefined, moves: readonly Move[]): Promise<void> {
    const { store, tables, log, onCommit } = this.#options;
    if (next === undefined) return;
    if (!(await store.compareAndSetTable(next))) return onCommit(name, 'conflict', []);
    log.info(
      { ring: name, epoch: next.epoch, members: next.members.length, moves: moves.length },
      'ring table committed',
    );
    onCommit(name, 'committed', moves);
    tables.take(next);
  }

  /** Rows of dead servers that no table names any more. */
  async #forget(table: RingTable | undefined, { verdict }: Round): Promise<void> {
    const listed = new Set(table?.members.map((m) => m.incarnation));
    const ended = [...verdict.dead].filter((incarnation) => !listed.has(incarnation));
    if (ended.length > 0) await this.#options.store.forget(ended);
  }

  #of(name: string, ring: ChannelRing): ManagedRing {
    const { heartbeat = '500ms', missed = 4 } = ring.spec.failure ?? {};
    const policy = `${heartbeat}/${missed}`;
    const known = this.#managed.get(name);
    if (known?.policy === policy) return known;
    const made = {
      policy,
      membership: new Membership({
        heartbeatMs: parseDurationMs(heartbeat),
        missed,
        pollMs: this.#options.periodMs,
      }),
      budget: known?.budget ?? new MoveBudget(),
      goneSince: new Map<string, number>(),
      listed: known?.listed ?? new Map<string, boolean>(),
      lossAt: known?.lossAt ?? Number.NEGATIVE_INFINITY,
      settled: '',
      history: known?.history ?? this.#begin(name),
      hot: known?.hot ?? new HotSlots(),
      seen: known?.seen ?? NOTHING_SEEN,
    };
    this.#managed.set(name, made);
    return made;
  }

  /** A table that was read before the first round was charged to nobody. */
  #begin(name: string): SlotHistory {
    const history = new SlotHistory();
    const table = this.#options.tables.get(name);
    if (table) history.observe(table, this.#options.clock.monotonicMs());
    return history;
  }

  #cellsOf(ring: ChannelRing): Map<string, CellView> {
    const views = new Map<string, CellView>();
    for (const name of ring.spec.cells) {
      const cell = this.#options.cells.get(`${ring.metadata.namespace}/${name}`);
      if (!cell) continue;
      const replicas = cell.spec.channelServers?.replicas ?? 1;
      views.set(name, { emptying: isEmptying(cell), paused: holdsSlots(cell), replicas });
    }
    return views;
  }
}

/** As it says, or said before it fell silent. */
const leaves = (incarnation: string, living: readonly LiveMember[], { listed }: Pick<ManagedRing, 'listed'>): boolean =>
  living.find((m) => m.incarnation === incarnation)?.leaving ?? listed.get(incarnation) ?? false;

/** Whether a member has died: it is dead to this replica, or another one has struck it off, though it was not leaving. */
const hasLost = (
  before: ReadonlyMap<string, boolean>,
  now: ReadonlyMap<string, boolean>,
  dead: ReadonlySet<string>,
): boolean =>
  [...now].some(([incarnation, leaving]) => !leaving && dead.has(incarnation)) ||
  [...before].some(([incarnation, leaving]) => !leaving && !now.has(incarnation));

/** Slot → Pod. */
export const pinsOf = ({ spec }: Pick<ChannelRing, 'spec'>): Map<number, string> =>
  new Map(spec.handoff?.pins?.map(({ slot, pod }) => [slot, pod]));

/** Members that may be struck off: judged dead, or without a row at all, which a server that lives always has. */
function gone(table: RingTable, members: readonly { incarnation: string }[], dead: ReadonlySet<string>): Set<string> {
  const living = new Set(members.map((m) => m.incarnation));
  const absent = table.members.map((m) => m.incarnation).filter((incarnation) => !living.has(incarnation));
  return new Set([...dead, ...absent]);
}

/** Those gone for long. Keeps in `since` when each was first seen to be gone. */
function overdue(dead: ReadonlySet<string>, since: Map<string, number>, now: number): Set<string> {
  for (const incarnation of since.keys()) if (!dead.has(incarnation)) since.delete(incarnation);
  for (const incarnation of dead) if (!since.has(incarnation)) since.set(incarnation, now);
  return new Set([...dead].filter((incarnation) => now - since.get(incarnation)! >= OVERDUE_MS));
}
