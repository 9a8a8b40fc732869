/**
 * Who owns each slot, from two sources: the control plane, and what channel servers said themselves (MOVED, OWNED),
 * which is newer right after a move. The higher slot epoch wins.
 */
import type { ControlSource, RouteMember, SlotRoute } from '../../cells/contract/control.ts';

interface Learned {
  owner: RouteMember | undefined;
  epoch: number;
}

export class RouteBook {
  readonly #control: ControlSource;
  readonly #learned = new Map<string, Map<number, Learned>>();

  constructor(control: ControlSource) {
    this.#control = control;
  }

  route(ring: string, slot: number): SlotRoute | undefined {
    const base = this.#control.route(ring, slot);
    const learned = this.#learned.get(ring)?.get(slot);
    if (learned === undefined || learned.epoch <= (base?.epoch ?? -1)) return base;
    if (learned.owner === undefined) return base;
    const standby = base?.standby?.incarnation === learned.owner.incarnation ? base.owner : base?.standby;
    return { ring, slot, epoch: learned.epoch, owner: learned.owner, standby };
  }

  /** The highest epoch heard of: an event of a lower one comes from a stale owner. */
  epoch(ring: string, slot: number): number {
    return Math.max(this.#control.route(ring, slot)?.epoch ?? 0, this.#learned.get(ring)?.get(slot)?.epoch ?? 0);
  }

  /** Takes note of an owner at a higher epoch. Returns the slots for which that was news. */
  learn(ring: string, slots: readonly number[], owner: RouteMember | undefined, epoch: number): number[] {
    const ofRing = this.#learned.get(ring) ?? new Map<number, Learned>();
    this.#learned.set(ring, ofRing);
    const news: number[] = [];
    for (const slot of slots) {
      if (epoch <= this.epoch(ring, slot)) continue;
      ofRing.set(slot, { owner, epoch });
      news.push(slot);
    }
    return news;
  }

  /** Forgets what the control plane knows as well by now. */
  prune(ring: string, slots: readonly number[]): void {
    const ofRing = this.#learned.get(ring);
    if (ofRing === undefined) return;
    for (const slot of slots) {
      const learned = ofRing.get(slot);
      if (learned !== undefined && learned.epoch <= (this.#control.route(ring, slot)?.epoch ?? 0)) ofRing.delete(slot);
    }
  }

  /** Owners that only channel servers told of. */
  learnedOwners(ring: string): RouteMember[] {
    return [...(this.#learned.get(ring)?.values() ?? [])].flatMap((l) => l.owner ?? []);
  }
}
