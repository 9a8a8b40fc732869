/**
 * ControlSource of stage 1: workspaces from memory, routes from the ring table in the store, which this process itself
 * commits. No drains.
 */
import type { WorkspaceEntry } from '../../cells/contract/control.ts';
import type { WorkspaceId } from '../../cells/contract/ids.ts';
import type { RingTable } from '../../cells/contract/ring-table.ts';
import { TableControl } from '../channel/table-control.ts';

type WorkspaceListener = (entry: WorkspaceEntry | undefined, id: WorkspaceId) => void;

export class LocalControl extends TableControl {
  override readonly ready: Promise<void>;
  readonly #workspaces: Map<WorkspaceId, WorkspaceEntry>;
  readonly #workspaceListeners = new Set<WorkspaceListener>();
  readonly #isReady: () => void;

  constructor(entries: readonly WorkspaceEntry[]) {
    super();
    this.#workspaces = new Map(entries.map((entry) => [entry.id, entry]));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#isReady = resolve;
  }

  /** A table that was committed. One with a lower epoch is ignored. */
  override update(table: RingTable): void {
    super.update(table);
    this.#isReady();
  }

  setWorkspace(entry: WorkspaceEntry): void {
    this.#workspaces.set(entry.id, entry);
    for (const listener of this.#workspaceListeners) listener(entry, entry.id);
  }

  override workspace(id: WorkspaceId): Promise<WorkspaceEntry | undefined> {
    return Promise.resolve(this.#workspaces.get(id));
  }

  override onWorkspace(listener: WorkspaceListener): () => void {
    this.#workspaceListeners.add(listener);
    return () => this.#workspaceListeners.delete(listener);
  }

  override close(): Promise<void> {
    this.#workspaceListeners.clear();
    return super.close();
  }
}
