/**
 * Keeps the slot tables as ChannelRing.spec wants them: lays out new rings, gives orphans an owner, sets standbys, starts
 * planned handoffs within their budget. All by compare-and-set, so that any number of replicas may run it: who comes
 * second reads again. Takeovers and handoffs themselves are the channel servers'.
 */
import type { Cell, ChannelRing } from '../../crds/index.ts';
import type { Clock } from '../contract/clock.ts';
import { parseDurationMs } from '../contract/process/config.ts';
import type { Logger } from '../contract/process/log.ts';
import type { Heartbeat, RingStore } from '../contract/ring-store.ts';
import { emptyTable, NONE, type RingTable } from '../contract/ring-table.ts';
import { MoveBudget } from '../ring/budget.ts';
import { commitPlan } from '../ring/commit.ts';
import { type Move, plan } from '../ring/plan.ts';
import { type CellView, Membership, type Round } from './membership.ts';
import { isEmptying } from './orders.ts';
import type { Tables } from './tables.ts';

export interface RingManagerOptions {
  store: RingStore;
  tables: Tables;
  rings: ReadonlyMap<string, ChannelRing>;
  cells: ReadonlyMap<string, Cell>;
  /** Interval at which `tick` is called, in ms. */
  periodMs: number;
  clock: Clock;
  log: Logger;
  onCommit: (ring: string, outcome: 'committed' | 'conflict', moves: readonly Move[]) => void;
}

/** A dead owner's standby takes over within a second or two; after so long the ring manager does it in its stead. */
const OVERDUE_MS = 10_000;

interface ManagedRing {
  /** The failure policy that `membership` was made for. */
  policy: string;
  membership: Membership;
  budget: MoveBudget;
  /** When a listed member was first seen to be gone. */
  goneSince: Map<string, number>;
  /** What was observed when last nothing was to be done: while it is the same, nothing is. */
  settled: string;
  /** Members that are leaving, as of the last round. */
  leaving: ReadonlySet<string>;
}

export class RingManager {
  readonly #options: RingManagerOptions;
  readonly #managed = new Map<string, ManagedRing>();

  constructor(options: RingManagerOptions) {
    this.#options = options;
  }

  /** Handoffs that somebody started. Those of servers that leave have no part in the budget of rebalancing. */
  charge(table: RingTable, started: readonly number[]): void {
    const managed = this.#managed.get(table.ring);
    if (managed === undefined) return;
    const isLeaving = (slot: number): boolean =>
      managed.leaving.has(table.members[table.owner[slot]!]?.incarnation ?? '');
    managed.budget.charge(started.filter((slot) => !isLeaving(slot)).length);
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
    managed.leaving = new Set(round.members.flatMap((m) => (m.leaving ? [m.incarnation] : [])));
    if (round.verdict.withheld !== undefined) return;
    if (table === undefined && !round.complete) return;
    await this.#commit(name, ring, table ?? emptyTable(name), round, managed);
    await this.#forget(table, round);
  }

  async #commit(
    name: string,
    ring: ChannelRing,
    table: RingTable,
    { members, verdict }: Round,
    managed: ManagedRing,
  ): Promise<void> {
    const { store, tables, clock, log, onCommit } = this.#options;
    const now = clock.monotonicMs();
    const dead = gone(table, members, verdict.dead);
    const late = overdue(dead, managed.goneSince, now);
    const seen = JSON.stringify([table.epoch, members, [...dead], [...late]]);
    if (seen === managed.settled) return;
    const planned = plan(table, members, { overdue: late });
    const handoff = ring.spec.handoff ?? {};
    const policy = { maxMovesPerMinute: ring.spec.maxMovesPerMinute ?? 4096, batch: handoff.batch ?? 256 };
    const inFlight = table.target.reduce((n, target) => (target === NONE ? n : n + 1), 0);
    const moves = handoff.paused ? [] : managed.budget.choose(planned.moves, inFlight, policy, now);
    const next = commitPlan(table, planned, { moves, dead });
    if (next === undefined) {
      if (planned.moves.length === 0) managed.settled = seen;
      return;
    }
    if (!(await store.compareAndSetTable(next))) return onCommit(name, 'conflict', []);
    log.info(
      {
        ring: name,
        epoch: next.epoch,
        members: members.length,
        assigned: planned.assign.length,
        standbys: planned.standbys.length,
        moves: moves.length,
        left: planned.moves.length - moves.length,
      },
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
      leaving: new Set<string>(),
      settled: '',
    };
    this.#managed.set(name, made);
    return made;
  }

  #cellsOf(ring: ChannelRing): Map<string, CellView> {
    const views = new Map<string, CellView>();
    for (const name of ring.spec.cells) {
      const cell = this.#options.cells.get(`${ring.metadata.namespace}/${name}`);
      if (cell) views.set(name, { emptying: isEmptying(cell), replicas: cell.spec.channelServers?.replicas ?? 1 });
    }
    return views;
  }
}

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
