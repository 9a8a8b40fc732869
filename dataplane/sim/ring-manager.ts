/**
 * Stands in for the control plane's ring manager, which the dataplane may not import: makes the table, gives orphans
 * and standbys to live members, and orders planned moves. It commits by the same compare-and-set, straight at the
 * store; the channel servers under test do everything else themselves.
 */
import { emptyTable, type Member, NONE, nextTable, type RingTable } from '../../cells/contract/ring-table.ts';
import type { Store } from '../storage/store.ts';
import type { SeededRandom } from './seeded-random.ts';

export class StandInRingManager {
  readonly #store: Store;
  readonly #ring: string;
  readonly #random: SeededRandom;
  /** The table and members for which the last round found nothing to do: finding that again would be most of a run. */
  #settled = { epoch: -1, live: '' };

  constructor(store: Store, ring: string, random: SeededRandom) {
    this.#store = store;
    this.#ring = ring;
    this.#random = random;
  }

  /** `live`: members whose processes run; the others own nothing for long. `moveShare`: share of slots to move. */
  async round(live: readonly Member[], moveShare: number): Promise<void> {
    const names = live.map((m) => m.incarnation).join();
    const settledAt = moveShare === 0 && names === this.#settled.live ? this.#settled.epoch : undefined;
    const read = await this.#store.ring.readTable(this.#ring, settledAt);
    if (read === undefined && settledAt !== undefined) return;
    const table = read ?? emptyTable(this.#ring);
    const next = nextTable(table);
    const known = new Set(table.members.map((m) => m.incarnation));
    next.members = [...table.members, ...live.filter((m) => !known.has(m.incarnation))];
    const alive = next.members.map((m) => live.some((l) => l.incarnation === m.incarnation));
    const candidates = alive.flatMap((ok, i) => (ok ? [i] : []));
    if (candidates.length === 0) return;
    const changed = this.#fill(next, alive, candidates) || next.members.length > table.members.length;
    const moved = moveShare > 0 && this.#move(next, candidates, moveShare);
    if (changed || moved) await this.#store.ring.compareAndSetTable(next);
    else this.#settled = { epoch: table.epoch, live: names };
  }

  #fill(next: RingTable, alive: readonly boolean[], candidates: readonly number[]): boolean {
    let changed = false;
    for (let slot = 0; slot < next.owner.length; slot++) {
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

  #move(next: RingTable, candidates: readonly number[], share: number): boolean {
    const to = this.#random.pick(candidates);
    const from = this.#random.below(next.owner.length);
    const count = Math.floor(share * next.owner.length);
    for (let i = 0; i < count; i++) {
      const slot = (from + i) % next.owner.length;
      if (next.owner[slot] !== to) next.target[slot] = to;
    }
    return true;
  }
}
