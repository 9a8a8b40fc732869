/**
 * ControlSource of stage 1: workspaces from memory, routes from the ring table in the store, which this process itself
 * commits. No drains.
 */
import type {
  ControlSource,
  DrainOrder,
  RouteMember,
  SlotRoute,
  WorkspaceEntry,
} from '../../cells/contract/control.ts';
import type { WorkspaceId } from '../../cells/contract/ids.ts';
import { NONE, type RingTable } from '../../cells/contract/ring-table.ts';

type RingListener = (ring: string, slots: readonly number[]) => void;
type WorkspaceListener = (entry: WorkspaceEntry | undefined, id: WorkspaceId) => void;

export class LocalControl implements ControlSource {
  readonly ready: Promise<void>;
  readonly #workspaces: Map<WorkspaceId, WorkspaceEntry>;
  readonly #ringListeners = new Set<RingListener>();
  readonly #workspaceListeners = new Set<WorkspaceListener>();
  #table: RingTable | undefined;
  #isReady!: () => void;

  constructor(entries: readonly WorkspaceEntry[]) {
    this.#workspaces = new Map(entries.map((entry) => [entry.id, entry]));
    this.ready = new Promise((resolve) => {
      this.#isReady = resolve;
    });
  }

  /** A table that was committed. One with a lower epoch is ignored. */
  setTable(table: RingTable): void {
    const before = this.#table;
    if (before !== undefined && before.epoch >= table.epoch) return;
    this.#table = table;
    const changed = [...table.slotEpoch.keys()].filter((slot) => before?.slotEpoch[slot] !== table.slotEpoch[slot]);
    for (const listener of this.#ringListeners) listener(table.ring, changed);
    this.#isReady();
  }

  setWorkspace(entry: WorkspaceEntry): void {
    this.#workspaces.set(entry.id, entry);
    for (const listener of this.#workspaceListeners) listener(entry, entry.id);
  }

  route(ring: string, slot: number): SlotRoute | undefined {
    const table = this.#table;
    if (table?.ring !== ring) return undefined;
    const member = (column: Uint16Array): RouteMember | undefined => {
      const index = column[slot] ?? NONE;
      return index === NONE ? undefined : table.members[index];
    };
    return {
      ring,
      slot,
      epoch: table.slotEpoch[slot]!,
      owner: member(table.owner),
      standby: member(table.standby),
    };
  }

  members(ring: string): readonly RouteMember[] {
    return this.#table?.ring === ring ? this.#table.members : [];
  }

  onRing(listener: RingListener): () => void {
    this.#ringListeners.add(listener);
    return () => this.#ringListeners.delete(listener);
  }

  workspace(id: WorkspaceId): Promise<WorkspaceEntry | undefined> {
    return Promise.resolve(this.#workspaces.get(id));
  }

  onWorkspace(listener: WorkspaceListener): () => void {
    this.#workspaceListeners.add(listener);
    return () => this.#workspaceListeners.delete(listener);
  }

  drainOrder(): DrainOrder | undefined {
    return undefined;
  }

  onDrainOrder(): () => void {
    return () => undefined;
  }

  async close(): Promise<void> {
    this.#ringListeners.clear();
    this.#workspaceListeners.clear();
  }
}
