/** The slot table as a ControlSource: a channel server's own links to other owners need no control plane. */
import type {
  ControlSource,
  DrainOrder,
  RouteMember,
  SlotRoute,
  WorkspaceEntry,
} from '../../cells/contract/control.ts';
import type { WorkspaceId } from '../../cells/contract/ids.ts';
import { type Member, NONE, type RingTable } from '../../cells/contract/ring-table.ts';

export class TableControl implements ControlSource {
  readonly ready: Promise<void> = Promise.resolve();
  readonly #listeners = new Set<(ring: string, slots: readonly number[]) => void>();
  #table: RingTable | undefined;

  get table(): RingTable | undefined {
    return this.#table;
  }

  /** Takes a newer table and tells which slots changed hands. */
  update(table: RingTable): void {
    const before = this.#table;
    if (before !== undefined && before.epoch >= table.epoch) return;
    this.#table = table;
    const changed: number[] = [];
    for (let slot = 0; slot < table.owner.length; slot++)
      if (before === undefined || before.slotEpoch[slot] !== table.slotEpoch[slot]) changed.push(slot);
    for (const listener of [...this.#listeners]) listener(table.ring, changed);
  }

  route(ring: string, slot: number): SlotRoute | undefined {
    const table = this.#table;
    if (table === undefined || table.ring !== ring) return undefined;
    return {
      ring,
      slot,
      epoch: table.slotEpoch[slot]!,
      owner: memberAt(table, table.owner[slot]!),
      standby: memberAt(table, table.standby[slot]!),
    };
  }

  members(ring: string): readonly RouteMember[] {
    return this.#table?.ring === ring ? this.#table.members.map(routeMember) : [];
  }

  onRing(listener: (ring: string, slots: readonly number[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  workspace(_id: WorkspaceId): Promise<WorkspaceEntry | undefined> {
    return Promise.resolve(undefined);
  }
  onWorkspace(_listener: (entry: WorkspaceEntry | undefined, id: WorkspaceId) => void): () => void {
    return () => {};
  }
  drainOrder(): DrainOrder | undefined {
    return undefined;
  }
  onDrainOrder(_listener: (order: DrainOrder) => void): () => void {
    return () => {};
  }
  close(): Promise<void> {
    this.#listeners.clear();
    return Promise.resolve();
  }
}

const memberAt = (table: RingTable, index: number): RouteMember | undefined =>
  index === NONE ? undefined : table.members[index] && routeMember(table.members[index]);

export const routeMember = ({ incarnation, address, zone, cell }: Member): RouteMember => ({
  incarnation,
  address,
  zone,
  cell,
});
