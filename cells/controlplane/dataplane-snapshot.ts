/** Builds the dataplane's resources, reusing what has not changed. Pure but for its memory of the last build. */
import { isDeepStrictEqual } from 'node:util';
import type { Cell, Workspace } from '../../crds/index.ts';
import {
  cutRange,
  encodeDrainOrder,
  encodeSlotRange,
  encodeWorkspace,
  type SlotRange,
  sameRoutes,
  sameSlots,
  slotRangeName,
  TYPE_URLS,
} from '../contract/ads/resources.ts';
import type { DrainOrder } from '../contract/control.ts';
import type { RingTable } from '../contract/ring-table.ts';
import { SLOT_RANGES } from '../contract/slot.ts';
import { datedResource, type Resource, resource, snapshot, type WholeSnapshot } from '../xds/snapshot.ts';
import { drainOrderOf, workspaceEntryOf } from './orders.ts';

interface Cut {
  range: SlotRange;
  resource: Resource;
}
interface CutRing {
  table: RingTable;
  ranges: readonly Cut[];
}

export class DataplaneSnapshots {
  readonly #rings = new Map<string, CutRing>();
  readonly #orders = new Map<string, DrainOrder>();
  #last: WholeSnapshot | undefined;
  readonly #workspaces = new WeakMap<Workspace, Resource | undefined>();

  build(world: { cells: Iterable<Cell>; workspaces: Iterable<Workspace>; tables: Iterable<RingTable> }): WholeSnapshot {
    const lists = {
      [TYPE_URLS.drainOrder]: [...world.cells].map((cell) => this.#order(cell)),
      [TYPE_URLS.workspace]: [...world.workspaces].flatMap((w) => this.#workspace(w) ?? []),
      [TYPE_URLS.slotRange]: [...world.tables].flatMap((table) => this.#ranges(table)),
    };
    this.#last = snapshot(lists, this.#last);
    return this.#last;
  }

  #order(cell: Cell): Resource {
    const order = drainOrderOf(cell, this.#orders.get(cell.metadata.name));
    this.#orders.set(cell.metadata.name, order);
    return datedResource(order.cell, encodeDrainOrder(order), encodeDrainOrder({ ...order, generation: 0 }));
  }

  /** The watched objects are never changed in place: the same object gives the same bytes. */
  #workspace(w: Workspace): Resource | undefined {
    if (!this.#workspaces.has(w)) {
      const entry = workspaceEntryOf(w);
      this.#workspaces.set(w, entry && resource(entry.id, encodeWorkspace(entry)));
    }
    return this.#workspaces.get(w);
  }

  /** A commit of a handoff touches few ranges, and there are many such commits: only what has changed is cut. */
  #ranges(table: RingTable): Resource[] {
    const last = this.#rings.get(table.ring);
    if (last?.table === table) return last.ranges.map((r) => r.resource);
    const sameMembers = last !== undefined && isDeepStrictEqual(last.table.members, table.members);
    const ranges = Array.from({ length: SLOT_RANGES }, (_, i) => {
      const before = last?.ranges[i];
      return before && sameMembers && sameSlots(last.table, table, i) ? before : cut(table, i, before);
    });
    this.#rings.set(table.ring, { table, ranges });
    return ranges.map((r) => r.resource);
  }
}

/** A range whose routes are the same keeps the bytes, and so the epoch, of its last change. */
function cut(table: RingTable, i: number, before: Cut | undefined): Cut {
  const range = cutRange(table, i);
  if (before && sameRoutes(before.range, range)) return before;
  const content = encodeSlotRange({ ...range, epoch: 0 });
  const name = slotRangeName(table.ring, range.range);
  return { range, resource: datedResource(name, encodeSlotRange(range), content) };
}
