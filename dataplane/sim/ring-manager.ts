/**
 * Stands in for the control plane's ring manager, which the dataplane may not import: makes the table, gives orphans
 * and standbys to live members, and orders planned moves. It commits by the same compare-and-set, straight at the
 * store; the channel servers under test do everything else themselves.
 */
import { emptyTable, type Member, NONE, nextTable, type RingTable } from '../../cells/contract/ring-table.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimStore } from './store.ts';

export interface Wish {
  /** Members whose processes run; the others own nothing for long. */
  live: readonly Member[];
  /** Zones that are to own nothing, if there are others. */
  drained: ReadonlySet<string>;
  /** Share of slots to move somewhere else, for no reason. */
  moveShare: number;
}

export class StandInRingManager {
  readonly #store: SimStore;
  readonly #ring: string;
  readonly #random: SeededRandom;
  /** The slots that are given out. A world with few topics leaves the others to nobody, and costs less. */
  readonly #slots: readonly number[];
  /** The table and wish for which the last round found nothing to do: finding that again would be most of a run. */
  #settled = { epoch: -1, wish: '' };

  constructor(store: SimStore, ring: string, slots: readonly number[], random: SeededRandom) {
    this.#store = store;
    this.#ring = ring;
    this.#slots = slots;
    this.#random = random;
  }

  async round({ live, drained, moveShare }: Wish): Promise<void> {
    const wish = [...live.map((m) => m.incarnation), ...drained].join();
    const settledAt = moveShare === 0 && wish === this.#settled.wish ? this.#settled.epoch : undefined;
    const { ring } = this.#store.real;
    const read = await ring.readTable(this.#ring, settledAt);
    if (read === undefined && settledAt !== undefined) return;
    const table = read ?? emptyTable(this.#ring);
    const next = nextTable(table);
    const known = new Set(table.members.map((m) => m.incarnation));
    next.members = [...table.members, ...live.filter((m) => !known.has(m.incarnation))];
    const alive = next.members.map((m) => live.some((l) => l.incarnation === m.incarnation));
    const living = alive.flatMap((ok, i) => (ok ? [i] : []));
    const staying = living.filter((i) => !drained.has(next.members[i]!.zone));
    const candidates = staying.length > 0 ? staying : living;
    if (candidates.length === 0) return;
    const changed = this.#fill(next, alive, candidates) || next.members.length > table.members.length;
    const drains = this.#drain(next, alive, candidates);
    const moved = moveShare > 0 && this.#move(next, candidates, moveShare);
    if (changed || drains || moved) await this.#store.commitTable('the ring manager', next);
    else this.#settled = { epoch: table.epoch, wish };
  }

  #fill(next: RingTable, alive: readonly boolean[], candidates: readonly number[]): boolean {
    let changed = false;
    for (const slot of this.#slots) {
      const [owner, standby, target] = [next.owner[slot]!, next.standby[slot]!, next.target[slot]!];
      if (owner === NONE || (!alive[owner] && !alive[standby])) {
        next.owner[slot] = candidates[slot % candidates.length]!;
        next.slotEpoch[slot] = next.epoch;
        next.target[slot] = NONE;
        changed = true;
      }
      if (target !== NONE && !alive[target]) {
        next.target[slot] = NONE;
        changed = true;
      }
      const others = candidates.filter((c) => c !== next.owner[slot]);
      if (!alive[standby] && alive[next.owner[slot]!] && others.length > 0) {
        next.standby[slot] = others[slot % others.length]!;
        changed = true;
      }
    }
    return changed;
  }

  /** Slots of members that may stay nowhere are moved to those that may. */
  #drain(next: RingTable, alive: readonly boolean[], candidates: readonly number[]): boolean {
    const fit = new Set(candidates);
    let changed = false;
    for (const slot of this.#slots) {
      const owner = next.owner[slot]!;
      if (fit.has(owner) || !alive[owner] || fit.has(next.target[slot]!)) continue;
      next.target[slot] = candidates[slot % candidates.length]!;
      changed = true;
    }
    return changed;
  }

  #move(next: RingTable, candidates: readonly number[], share: number): boolean {
    const to = this.#random.pick(candidates);
    const from = this.#random.below(this.#slots.length);
    const count = Math.ceil(share * this.#slots.length);
    for (let i = 0; i < count; i++) {
      const slot = this.#slots[(from + i) % this.#slots.length]!;
      if (next.owner[slot] !== to) next.target[slot] = to;
    }
    return true;
  }
}
