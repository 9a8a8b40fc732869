/** Heartbeats → who is alive in a ring, and when a new ring may be laid out. A state machine without I/O. */

import { Liveness, type LivenessPolicy, type Verdict } from '../contract/liveness.ts';
import type { Heartbeat } from '../contract/ring-store.ts';
import type { RingTable } from '../contract/ring-table.ts';
import type { LiveMember } from '../ring/plan.ts';

export interface CellView {
  /** The cell is being emptied: its servers give up their slots. */
  emptying: boolean;
  /** Its drain or undrain is paused: slots neither leave it nor come to it. */
  paused: boolean;
  /** Channel servers that it is to have. */
  replicas: number;
}

export interface Round {
  verdict: Verdict;
  members: LiveMember[];
  /** Incarnations of those whose cell is paused; who shuts down leaves all the same. */
  paused: ReadonlySet<string>;
  /** Whether a table may be made out of these members. */
  complete: boolean;
}

/**
 * A new ring waits until the members have been the same for so long, unless all that are expected are there: those that
 * come to a ring that has been laid out without them move a third of it.
 */
const SETTLE_MS = 10_000;

export class Membership {
  readonly #liveness: Liveness;
  readonly #counters = new Map<string, number>();
  /** Incarnations that have been seen to beat: a row left behind by an ended process is not one. */
  readonly #beating = new Set<string>();
  #signature = '';
  #sameSince = 0;

  constructor(policy: LivenessPolicy) {
    this.#liveness = new Liveness(policy);
  }

  /** One successful read of the ring's rows. `cells` are those of ChannelRing.spec.cells that exist. */
  observe(
    rows: readonly Heartbeat[],
    table: RingTable | undefined,
    cells: ReadonlyMap<string, CellView>,
    now: number,
    readDelayMs: number,
  ): Round {
    const verdict = this.#liveness.observe(rows, now, readDelayMs);
    this.#note(rows);
    const listed = new Set(table?.members.map((m) => m.incarnation));
    const living = rows.filter(
      (r) => verdict.alive.has(r.incarnation) && (this.#beating.has(r.incarnation) || listed.has(r.incarnation)),
    );
    const nowhereElse = living.every((r) => cells.get(r.cell)?.emptying ?? true);
    const members = living.map((r) => toMember(r, cells.get(r.cell), nowhereElse));
    const standing = living.filter((r) => cells.get(r.cell)?.paused && r.state !== 'leaving');
    const paused = new Set(standing.map((r) => r.incarnation));
    return { verdict, members, paused, complete: this.#complete(members, cells, now) };
  }

  observeFailure(now: number): void {
    this.#liveness.observeFailure(now);
    this.#signature = '';
  }

  #note(rows: readonly Heartbeat[]): void {
    const seen = new Set(rows.map((r) => r.incarnation));
    for (const { incarnation, counter } of rows) {
      const before = this.#counters.get(incarnation);
      if (before !== undefined && before !== counter) this.#beating.add(incarnation);
      this.#counters.set(incarnation, counter);
    }
    for (const incarnation of this.#counters.keys())
      if (!seen.has(incarnation)) {
        this.#counters.delete(incarnation);
        this.#beating.delete(incarnation);
      }
  }

  #complete(members: readonly LiveMember[], cells: ReadonlyMap<string, CellView>, now: number): boolean {
    const staying = members.filter((m) => !m.leaving);
    const signature = staying
      .map((m) => m.incarnation)
      .sort()
      .join();
    if (signature !== this.#signature) {
      this.#signature = signature;
      this.#sameSince = now;
    }
    if (staying.length === 0) return false;
    const all = [...cells].every(([cell, { replicas }]) => staying.filter((m) => m.cell === cell).length >= replicas);
    return all || now - this.#sameSince >= SETTLE_MS;
  }
}

function toMember(row: Heartbeat, cell: CellView | undefined, nowhereElse: boolean): LiveMember {
  const { incarnation, pod, zone, address, weight, state } = row;
  // A cell that is not the ring's any more is left like one that is emptied; if all are, there is nowhere to go.
  const emptying = !nowhereElse && (cell === undefined || cell.emptying);
  return { incarnation, pod, cell: row.cell, zone, address, weight, leaving: state === 'leaving' || emptying };
}
