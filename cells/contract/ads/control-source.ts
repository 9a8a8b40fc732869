/** ControlSource over delta ADS: what a gateway, channel or api server uses. */
import type { Clock, Random } from '../clock.ts';
import type { ControlSource, DrainOrder, RouteMember, SlotRoute, WorkspaceEntry } from '../control.ts';
import { isWorkspaceId, type WorkspaceId } from '../ids.ts';
import type { Logger } from '../process/log.ts';
import { type DeltaResource, struct } from './messages.ts';
import { decodeDrainOrder, decodeSlotRange, decodeWorkspace, TYPE_URLS } from './resources.ts';
import { Routes } from './routes.ts';
import { StateFile } from './state-file.ts';
import { type AdsSink, AdsStream } from './stream.ts';
import { Workspaces } from './workspaces.ts';

export interface ConnectControlOptions {
  /** host:port of the control plane's replicas in order of preference: the own zone's first. */
  addresses: readonly string[];
  node: { id: string; role: string; cell: string; zone: string };
  /** Directory for the last good state; without one the process cannot start while the control plane is away. */
  stateDir?: string;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Most workspaces held. Default 20,000. */
  workspaceLimit?: number;
  backoff?: { baseMs: number; maxMs: number };
}

/** Type → name → what was accepted last. */
type Held = Map<string, Map<string, { version: string; bytes: Uint8Array }>>;
interface Saved {
  format: 1;
  resources: { type: string; name: string; version: string; value: string }[];
}

/** Starts at once: from disk if there is something, and connects. Never rejects; `ready` tells when it can serve. */
export function connectControl(options: ConnectControlOptions): ControlSource {
  return new AdsControlSource(options);
}

export class AdsControlSource implements ControlSource, AdsSink {
  readonly ready: Promise<void>;
  readonly #options: ConnectControlOptions;
  readonly #routes = new Routes();
  readonly #held: Held = new Map();
  readonly #workspaces: Workspaces;
  readonly #ringListeners = new Set<(ring: string, slots: readonly number[]) => void>();
  readonly #workspaceListeners = new Set<(entry: WorkspaceEntry | undefined, id: WorkspaceId) => void>();
  readonly #drainListeners = new Set<(order: DrainOrder) => void>();
  readonly #file: StateFile<Saved> | undefined;
  #drainOrder: DrainOrder | undefined;
  #stream: AdsStream | undefined;
  #resolveReady!: () => void;
  #closed = false;

  constructor(options: ConnectControlOptions) {
    this.#options = options;
    const { clock, log, stateDir } = options;
    this.ready = new Promise((resolve) => (this.#resolveReady = resolve));
    this.#workspaces = new Workspaces({
      clock,
      limit: options.workspaceLimit ?? 20_000,
      waitMs: 2_000,
      onSubscribe: (id) => this.#stream?.change(TYPE_URLS.workspace, [id], []),
      onForget: (id) => {
        this.#held.get(TYPE_URLS.workspace)?.delete(id);
        this.#stream?.change(TYPE_URLS.workspace, [], [id]);
      },
    });
    this.#file = stateDir ? new StateFile<Saved>(stateDir, 'control.json', clock, log) : undefined;
    void this.#start();
  }

  route(ring: string, slot: number): SlotRoute | undefined {
    return this.#routes.route(ring, slot);
  }
  members(ring: string): readonly RouteMember[] {
    return this.#routes.members(ring);
  }
  onRing(listener: (ring: string, slots: readonly number[]) => void): () => void {
    return subscribe(this.#ringListeners, listener);
  }
  workspace(id: WorkspaceId): Promise<WorkspaceEntry | undefined> {
    return this.#workspaces.get(id);
  }
  onWorkspace(listener: (entry: WorkspaceEntry | undefined, id: WorkspaceId) => void): () => void {
    return subscribe(this.#workspaceListeners, listener);
  }
  drainOrder(): DrainOrder | undefined {
    return this.#drainOrder;
  }
  onDrainOrder(listener: (order: DrainOrder) => void): () => void {
    return subscribe(this.#drainListeners, listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream?.close();
    this.#workspaces.close();
    await this.#file?.close();
  }

  subscriptions(): { type: string; names: string[]; versions: Record<string, string> }[] {
    const versions = (type: string): Record<string, string> =>
      Object.fromEntries([...(this.#held.get(type) ?? [])].map(([name, { version }]) => [name, version]));
    return [
      { type: TYPE_URLS.drainOrder, names: [this.#options.node.cell] },
      { type: TYPE_URLS.slotRange, names: ['*'] },
      { type: TYPE_URLS.workspace, names: this.#workspaces.names() },
    ]
      .filter(({ names }) => names.length > 0)
      .map((s) => ({ ...s, versions: versions(s.type) }));
  }

  apply(type: string, resources: readonly DeltaResource[], removed: readonly string[]): string[] {
    const refused: string[] = [];
    const changedSlots = new Map<string, number[]>();
    for (const { name, version, resource } of resources) {
      try {
        if (!resource) throw new TypeError('it has no content');
        if (this.#take(type, name, resource.value, changedSlots)) this.#hold(type, name, version, resource.value);
      } catch (e: unknown) {
        refused.push(`${name}: ${e instanceof Error ? e.message : String(e)}`);
      }
    }
    for (const name of removed) this.#remove(type, name, changedSlots);
    for (const [ring, slots] of changedSlots)
      if (slots.length > 0) this.#notify(this.#ringListeners, (listener) => listener(ring, slots));
    this.#checkReady();
    this.#file?.save(() => this.#toSave());
    return refused;
  }

  async #start(): Promise<void> {
    const saved = await this.#file?.load();
    if (this.#closed) return;
    if (saved?.format === 1) this.#restore(saved);
    const { node, addresses, clock, random, log, backoff } = this.#options;
    const metadata = struct({ role: node.role, cell: node.cell, zone: node.zone, pod: node.id });
    this.#stream = new AdsStream(
      {
        addresses,
        node: { id: node.id, cluster: node.cell, metadata },
        clock,
        random,
        log,
        ...(backoff ? { backoff } : {}),
      },
      this,
    );
  }

  #restore(saved: Saved): void {
    for (const { type, name, version, value } of saved.resources) {
      const bytes = Buffer.from(value, 'base64');
      try {
        if (this.#take(type, name, bytes, new Map())) this.#hold(type, name, version, bytes);
      } catch (err: unknown) {
        this.#options.log.warn({ err, type, name }, 'saved resource skipped');
      }
    }
    this.#checkReady();
  }

  /** Decodes and takes one resource; throws when it cannot be decoded, false when a newer one is held. */
  #take(type: string, name: string, bytes: Uint8Array, changedSlots: Map<string, number[]>): boolean {
    if (type === TYPE_URLS.slotRange) {
      const range = decodeSlotRange(bytes);
      const changed = this.#routes.apply(range);
      if (changed) changedSlots.set(range.ring, [...(changedSlots.get(range.ring) ?? []), ...changed]);
      return changed !== undefined;
    }
    if (type === TYPE_URLS.workspace) {
      const entry = decodeWorkspace(bytes);
      if (entry.id !== name) throw new TypeError(`it is of ${entry.id}`);
      // On its way when its name was forgotten: nobody would keep it up to date. What was saved has yet to be asked for.
      if (this.#stream !== undefined && !this.#workspaces.has(entry.id)) return false;
      if (!this.#workspaces.put(entry.id, entry)) return false;
      this.#notify(this.#workspaceListeners, (listener) => listener(entry, entry.id));
      return true;
    }
    if (type !== TYPE_URLS.drainOrder) throw new TypeError('its type was not asked for');
    const order = decodeDrainOrder(bytes);
    if (order.cell !== this.#options.node.cell) throw new TypeError(`it is of cell ${order.cell}`);
    if (this.#drainOrder && order.generation < this.#drainOrder.generation) return false;
    this.#drainOrder = order;
    this.#notify(this.#drainListeners, (listener) => listener(order));
    return true;
  }

  #remove(type: string, name: string, changedSlots: Map<string, number[]>): void {
    this.#held.get(type)?.delete(name);
    if (type === TYPE_URLS.slotRange) {
      const at = name.lastIndexOf('/');
      const ring = name.slice(0, at);
      const slots = this.#routes.remove(ring, Number(name.slice(at + 1)));
      changedSlots.set(ring, [...(changedSlots.get(ring) ?? []), ...slots]);
    } else if (type === TYPE_URLS.workspace && isWorkspaceId(name)) {
      if (this.#workspaces.has(name) && this.#workspaces.put(name, undefined))
        this.#notify(this.#workspaceListeners, (listener) => listener(undefined, name));
    }
    // A drain order is kept: a cell that the control plane does not list goes on as it was.
  }

  #hold(type: string, name: string, version: string, bytes: Uint8Array): void {
    const names = this.#held.get(type) ?? new Map<string, { version: string; bytes: Uint8Array }>();
    this.#held.set(type, names.set(name, { version, bytes }));
  }

  #checkReady(): void {
    if (this.#drainOrder && this.#routes.rings().some((ring) => this.#routes.complete(ring))) this.#resolveReady();
  }

  #toSave(): Saved {
    const resources = [...this.#held].flatMap(([type, names]) =>
      [...names].map(([name, { version, bytes }]) => ({
        type,
        name,
        version,
        value: Buffer.from(bytes).toString('base64'),
      })),
    );
    return { format: 1, resources };
  }

  /** A listener that throws must not make us refuse a good resource. */
  #notify<L>(listeners: ReadonlySet<L>, call: (listener: L) => void): void {
    for (const listener of listeners) {
      try {
        call(listener);
      } catch (err: unknown) {
        this.#options.log.error({ err }, 'control listener failed');
      }
    }
  }
}

function subscribe<L>(listeners: Set<L>, listener: L): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
