/** Slot routes of every ring as last heard. Pure data; a lookup is a few array reads. */
import type { RouteMember, SlotRoute } from '../control.ts';
import { NONE } from '../ring-table.ts';
import { SLOT_RANGES, SLOTS, SLOTS_PER_RANGE } from '../slot.ts';
import { type SlotRange, u16, u32 } from './resources.ts';

/** Columns by slot, whole from the start: a route as an object each would not fit the processor's cache. */
interface Ring {
  name: string;
  owner: (RouteMember | undefined)[];
  standby: (RouteMember | undefined)[];
  slotEpoch: Uint32Array;
  /** Per range, the epoch of what is held; 0 when nothing is. */
  epochs: number[];
  /** Per range, whom it names. One server is one object in all of them, so that the routes in use stay in the cache. */
  members: (readonly RouteMember[])[];
  /** All of them, once; undefined when it has to be collected anew. */
  known: readonly RouteMember[] | undefined;
}

export class Routes {
  readonly #rings = new Map<string, Ring>();
  /** The ring of the last lookup: nearly every process has one only. */
  #last: Ring | undefined;

  route(ring: string, slot: number): SlotRoute | undefined {
    if (this.#last?.name !== ring) this.#last = this.#rings.get(ring);
    const held = this.#last;
    if (!held?.epochs[Math.trunc(slot / SLOTS_PER_RANGE)]) return undefined;
    return { ring, slot, epoch: held.slotEpoch[slot]!, owner: held.owner[slot], standby: held.standby[slot] };
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
    return held === undefined ? [] : knownMembers(held);
  }

  /** Takes a range unless a newer one is held. Returns the slots whose route changed, or undefined for an older range. */
  apply(range: SlotRange): number[] | undefined {
    const ring = this.#ring(range.ring);
    if (range.epoch < ring.epochs[range.range]!) return undefined;
    const first = ring.epochs[range.range] === 0;
    ring.epochs[range.range] = range.epoch;
    const members = this.#takeMembers(ring, range);
    const memberAt = (index: number): RouteMember | undefined => (index === NONE ? undefined : members[index]);
    const changed: number[] = [];
    for (let i = 0; i < SLOTS_PER_RANGE; i++) {
      const slot = range.range * SLOTS_PER_RANGE + i;
      const owner = memberAt(u16(range.owner, i));
      const standby = memberAt(u16(range.standby, i));
      const epoch = u32(range.slot_epoch, i);
      const same = ring.slotEpoch[slot] === epoch && ring.owner[slot] === owner && ring.standby[slot] === standby;
      if (same && !first) continue;
      ring.owner[slot] = owner;
      ring.standby[slot] = standby;
      ring.slotEpoch[slot] = epoch;
      changed.push(slot);
    }
    return changed;
  }

  /** The control plane says that there is no such range: its ring is gone. */
  remove(ring: string, range: number): number[] {
    const held = this.#rings.get(ring);
    if (!held?.epochs[range]) return [];
    held.epochs[range] = 0;
    held.members[range] = [];
    held.known = undefined;
    const from = range * SLOTS_PER_RANGE;
    held.owner.fill(undefined, from, from + SLOTS_PER_RANGE);
    held.standby.fill(undefined, from, from + SLOTS_PER_RANGE);
    if (held.epochs.every((e) => e === 0)) {
      this.#rings.delete(ring);
      this.#last = undefined;
    }
    return Array.from({ length: SLOTS_PER_RANGE }, (_, i) => from + i);
  }

  #takeMembers(ring: Ring, { range, members }: SlotRange): readonly RouteMember[] {
    const known = new Map(knownMembers(ring).map((m) => [m.incarnation, m]));
    const taken = members.map((m) => {
      const held = known.get(m.incarnation);
      return held?.address === m.address ? held : m;
    });
    const before = ring.members[range]!;
    if (before.length === taken.length && before.every((m, i) => m === taken[i])) return before;
    ring.members[range] = taken;
    ring.known = undefined;
    return taken;
  }

  #ring(name: string): Ring {
    let ring = this.#rings.get(name);
    if (ring === undefined) {
      ring = {
        name,
        owner: new Array<RouteMember | undefined>(SLOTS).fill(undefined),
        standby: new Array<RouteMember | undefined>(SLOTS).fill(undefined),
        slotEpoch: new Uint32Array(SLOTS),
        epochs: new Array<number>(SLOT_RANGES).fill(0),
        members: new Array<readonly RouteMember[]>(SLOT_RANGES).fill([]),
        known: undefined,
      };
      this.#rings.set(name, ring);
      this.#last = undefined;
    }
    return ring;
  }
}

function knownMembers(ring: Ring): readonly RouteMember[] {
  ring.known ??= [...new Map(ring.members.flat().map((m) => [m.incarnation, m])).values()];
  return ring.known;
}
