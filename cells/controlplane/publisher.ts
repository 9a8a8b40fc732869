/**
 * Holds what every node is to have, rebuilds it when something was observed, and keeps the last good on disk: the
 * snapshot source of the ADS server.
 */

import { StateFile } from '../contract/ads/state-file.ts';
import type { Clock, Timer } from '../contract/clock.ts';
import type { Logger } from '../contract/process/log.ts';
import type { RingTable } from '../contract/ring-table.ts';
import { edgeWorld } from '../traffic/world.ts';
import { listener } from '../xds/envoy/listener.ts';
import type { NodeInfo, SnapshotSource } from '../xds/server.ts';
import {
  type Resource,
  type ResourceRef,
  type Resources,
  resource,
  resources,
  type Snapshot,
  snapshot,
  type WholeSnapshot,
  withType,
} from '../xds/snapshot.ts';
import { ENVOY } from '../xds/types.ts';
import { DataplaneSnapshots } from './dataplane-snapshot.ts';
import { buildEdge, type EdgeConfig, edgeConfig, SharedBuilder } from './edge-snapshot.ts';
import type { Observed } from './kube-watch.ts';

export interface PublisherOptions {
  observed: Observed;
  /** The tables of the observed rings; undefined until each has been read once. */
  tables: () => RingTable[] | undefined;
  clock: Clock;
  log: Logger;
  stateDir: string;
  publish: () => void;
  onRefused: (group: string) => void;
}

/** Changes within this time are one publication. */
const COALESCE_MS = 20;

interface SavedResource {
  name: string;
  /** Missing in what an earlier version wrote: the hash of the value. */
  version?: string;
  value: string;
  needs?: readonly ResourceRef[];
}
interface Saved {
  format: 1;
  edges: { cell: string; port: number; clusters: SavedResource[]; endpoints: SavedResource[]; route: SavedResource }[];
  dataplane: [type: string, SavedResource[]][];
}

export class Publisher implements SnapshotSource {
  readonly #options: PublisherOptions;
  readonly #file: StateFile<Saved> | undefined;
  readonly #dataplaneBuilder = new DataplaneSnapshots();
  readonly #sharedBuilder = new SharedBuilder();
  /** By cell. */
  readonly #edges = new Map<string, EdgeConfig>();
  /** By the node of a stream, with which it goes: made from the config and the listeners held beside it. */
  readonly #byEdge = new WeakMap<NodeInfo, { config: EdgeConfig; listeners: Resources; snapshot: Snapshot }>();
  readonly #lastRefusal = new Map<string, string>();
  #dataplane: WholeSnapshot | undefined;
  #live = false;
  #timer: Timer | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
    const { stateDir, clock, log } = options;
    if (stateDir) this.#file = new StateFile<Saved>(stateDir, 'controlplane.json', clock, log);
  }

  /** Whether there is anything to serve to dataplane processes, live or from disk. */
  get ready(): boolean {
    return this.#dataplane !== undefined;
  }

  /** Takes the last good snapshot from disk, unless something newer has been built already. */
  async load(): Promise<void> {
    const saved = await this.#file?.load();
    if (saved?.format !== 1 || this.#live) return;
    for (const { cell, port, clusters, endpoints, route } of saved.edges)
      this.#edges.set(
        cell,
        edgeConfig({
          cell,
          port,
          clusters: resources(clusters.map(restore)),
          endpoints: resources(endpoints.map(restore)),
          route: restore(route),
          routedBy: undefined,
        }),
      );
    this.#dataplane = snapshot(Object.fromEntries(saved.dataplane.map(([type, list]) => [type, list.map(restore)])));
    this.#options.log.info({ version: this.#dataplane.version }, 'serving the last good snapshot from disk');
  }

  /** From now on what is observed is complete: rebuilds follow it. */
  goLive(): void {
    this.#live = true;
    this.changed();
  }

  /** Something was observed. */
  changed(): void {
    if (!this.#live) return;
    this.#timer ??= this.#options.clock.after(COALESCE_MS, () => {
      this.#timer = undefined;
      this.#rebuild();
    });
  }

  snapshotFor(node: NodeInfo): Snapshot | undefined {
    if (node.role !== 'edge') return this.#dataplane;
    const config = this.#edges.get(node.cell);
    if (config === undefined || node.podIp === '') return undefined;
    const held = this.#byEdge.get(node);
    if (held?.config === config) return held.snapshot;
    const listeners =
      held?.config.port === config.port ? held.listeners : resources([listener(node.podIp, config.port)]);
    const made = withType(config.snapshot, ENVOY.listener, listeners);
    this.#byEdge.set(node, { config, listeners, snapshot: made });
    return made;
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#file?.close();
  }

  #rebuild(): void {
    this.#rebuildEdges();
    const { observed, tables } = this.#options;
    const known = tables();
    if (known)
      this.#dataplane = this.#dataplaneBuilder.build({
        cells: observed.cells.values(),
        workspaces: observed.workspaces.values(),
        tables: known,
      });
    this.#options.publish();
    if (this.#dataplane) this.#file?.save(() => this.#toSave());
  }

  #rebuildEdges(): void {
    const { observed, onRefused, log } = this.#options;
    const world = edgeWorld(observed.cells.values(), observed.pods.values());
    const shared = this.#sharedBuilder.build(world);
    const known = new Set(world.cells.map((c) => c.name));
    for (const cell of known) {
      const { config, refused } = buildEdge(cell, world, shared, this.#edges.get(cell));
      if (config) this.#edges.set(cell, config);
      const words = refused instanceof Error ? refused.message : '';
      if (words && words !== this.#lastRefusal.get(cell)) {
        onRefused(cell);
        log.error({ err: refused, edge: cell, kept: config !== undefined }, 'snapshot refused');
      }
      this.#lastRefusal.set(cell, words);
    }
    for (const cell of this.#edges.keys()) if (!known.has(cell)) this.#edges.delete(cell);
  }

  #toSave(): Saved {
    return {
      format: 1,
      edges: [...this.#edges.values()].map(({ cell, port, clusters, endpoints, route }) => ({
        cell,
        port,
        clusters: [...clusters.values()].map(save),
        endpoints: [...endpoints.values()].map(save),
        route: save(route),
      })),
      dataplane: [...(this.#dataplane?.types ?? [])].map(([type, list]) => [type, [...list.values()].map(save)]),
    };
  }
}

const save = ({ name, version, bytes, needs }: Resource): SavedResource => ({
  name,
  version,
  value: Buffer.from(bytes).toString('base64'),
  ...(needs.length > 0 ? { needs } : {}),
});
const restore = ({ name, version, value, needs }: SavedResource): Resource => ({
  ...resource(name, Buffer.from(value, 'base64'), needs),
  ...(version === undefined ? {} : { version }),
});
