/** Slot routes of every ring as last heard. Pure data; a lookup is two array reads. */
import type { RouteMember, SlotRoute } from '../control.ts';
import { NONE } from '../ring-table.ts';
import { SLOT_RANGES, SLOTS_PER_RANGE } from '../slot.ts';
import { type SlotRange, u16, u32 } from './resources.ts';

interface Ring {
  slots: SlotRoute[];
  /** Per range, the epoch of what is held; 0 when nothing is. */
  epochs: number[];
  members: readonly RouteMember[] | undefined;
}

export class Routes {
  readonly #rings = new Map<string, Ring>();

  route(ring: string, slot: number): SlotRoute | undefined {
    return this.#rings.get(ring)?.slots[slot];
  }

  rings(): string[] {
    return [...this.#rings.keys()];
  }

  /** Whether every range of the ring has been heard. */
  complete(ring: string): boolean {
    return this.#rings.get(ring)?.epochs.every((e) => e > 0) ?? false;
  }

  members(ring: string): readonly RouteMember[] {
    const held = this.#rings.get(ring);
    if (held === undefined) return [];
    held.members ??= collectMembers(held.slots);
    return held.members;
  }

  /** Takes a range unless a newer one is held. Returns the slots whose route changed, or undefined for an older range. */
  apply(range: SlotRange): number[] | undefined {
    const ring = this.#ring(range.ring);
    if (range.epoch < ring.epochs[range.range]!) return undefined;
    ring.epochs[range.range] = range.epoch;
    ring.members = undefined;
    const changed: number[] = [];
    for (let i = 0; i < SLOTS_PER_RANGE; i++) {
      const slot = range.range * SLOTS_PER_RANGE + i;
      const next: SlotRoute = {
        ring: range.ring,
        slot,
        epoch: u32(range.slot_epoch, i),
        owner: memberAt(range, u16(range.owner, i)),
        standby: memberAt(range, u16(range.standby, i)),
      };
      const before = ring.slots[slot];
      if (before && sameRoute(before, next)) continue;
      ring.slots[slot] = next;
      changed.push(slot);
    }
    return changed;
  }

  /** The control plane says that there is no such range: its ring is gone. */
  remove(ring: string, range: number): number[] {
    const held = this.#rings.get(ring);
    if (held === undefined || !(range >= 0 && range < SLOT_RANGES)) return [];
    held.epochs[range] = 0;
    held.members = undefined;
    const slots: number[] = [];
    for (let slot = range * SLOTS_PER_RANGE; slot < (range + 1) * SLOTS_PER_RANGE; slot++) {
      if (held.slots[slot]) slots.push(slot);
      delete held.slots[slot];
    }
    if (held.epochs.every((e) => e === 0)) this.#rings.delete(ring);
    return slots;
  }

  #ring(name: string): Ring {
    let ring = this.#rings.get(name);
    if (ring === undefined) {
      ring = { slots: [], epochs: new Array<number>(SLOT_RANGES).fill(0), members: undefined };
      this.#rings.set(name, ring);
    }
    return ring;
  }
}

const memberAt = (range: SlotRange, index: number): RouteMember | undefined =>
  index === NONE ? undefined : range.members[index];

const sameRoute = (a: SlotRoute, b: SlotRoute): boolean =>
  a.epoch === b.epoch && sameMember(a.owner, b.owner) && sameMember(a.standby, b.standby);

const sameMember = (a: RouteMember | undefined, b: RouteMember | undefined): boolean =>
  a?.incarnation === b?.incarnation && a?.address === b?.address;

function collectMembers(slots: readonly SlotRoute[]): RouteMember[] {
  const found = new Map<string, RouteMember>();
  for (const route of slots)
    for (const m of [route?.owner, route?.standby]) if (m && !found.has(m.incarnation)) found.set(m.incarnation, m);
  return [...found.values()];
}
