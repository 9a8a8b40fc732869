/** What the edges of one cell are to have, but for the listener, which each has on its own address. */
import { hasCode } from '../contract/errors.ts';
import type { EdgeWorld } from '../traffic/world.ts';
import { assignment, type ClusterHosts, clusterHosts, clusters, sameHosts } from '../xds/envoy/clusters.ts';
import { type RoleTraffic, roleTraffic, routes } from '../xds/envoy/routes.ts';
import {
  assertConsistent,
  type Resource,
  type Resources,
  resources,
  snapshotOf,
  type WholeSnapshot,
} from '../xds/snapshot.ts';
import { ENVOY } from '../xds/types.ts';

/** What the edges of all cells are to have alike: each the very same object as long as nothing of it changes. */
export interface SharedParts {
  readonly clusters: Resources;
  readonly endpoints: Resources;
  /** What routes are made from. */
  readonly traffic: RoleTraffic;
}

export interface EdgeParts extends Omit<SharedParts, 'traffic'> {
  cell: string;
  port: number;
  route: Resource;
  /** What the route was made from; undefined when it came from disk. */
  routedBy: RoleTraffic | undefined;
}

export interface EdgeConfig extends EdgeParts {
  /** The parts as a snapshot, which only lacks a listener. */
  snapshot: WholeSnapshot;
}

export interface EdgeBuild {
  /** What to publish: new, partly kept or all of `last`; undefined when there never was anything good. */
  config: EdgeConfig | undefined;
  /** Why something of `last` was kept: `weights_sum_to_zero` or `snapshot_inconsistent`. */
  refused?: unknown;
}

/** Builds clusters and endpoints, encoding anew only what has changed. Pure but for its memory of the last build. */
export class SharedBuilder {
  #clusters: { names: string; made: Resources } = { names: '', made: resources([]) };
  /** In the order of `clusterHosts`. */
  #assignments: { from: ClusterHosts; made: Resource }[] = [];
  #endpoints = resources([]);
  #traffic: { from: string; made: RoleTraffic } | undefined;

  build(world: EdgeWorld): SharedParts {
    const names = world.cells.map((c) => c.name).join(' ');
    if (names !== this.#clusters.names) this.#clusters = { names, made: resources(clusters(world.cells)) };
    this.#assignments = clusterHosts(world).map((from, i) => {
      const held = this.#assignments[i];
      return held && sameHosts(held.from, from) ? held : { from, made: assignment(from) };
    });
    const made = this.#assignments.map((a) => a.made);
    this.#endpoints = resources(made, this.#endpoints);
    const traffic = roleTraffic(world);
    const from = JSON.stringify(traffic);
    if (this.#traffic?.from !== from) this.#traffic = { from, made: traffic };
    return { clusters: this.#clusters.made, endpoints: this.#endpoints, traffic: this.#traffic.made };
  }
}

export const edgeConfig = (parts: EdgeParts, last?: EdgeConfig): EdgeConfig => ({
  ...parts,
  snapshot: snapshotOf({
    [ENVOY.cluster]: parts.clusters,
    [ENVOY.endpoints]: parts.endpoints,
    [ENVOY.route]: resources([parts.route], last?.snapshot.types.get(ENVOY.route)),
  }),
});

/**
 * When no cell takes traffic the last good routes are kept and the endpoints still move on; a configuration that does
 * not hold together is not published at all. Pure.
 */
export function buildEdge(
  cell: string,
  world: EdgeWorld,
  shared: SharedParts,
  last: EdgeConfig | undefined,
): EdgeBuild {
  const port = world.cells.find((c) => c.name === cell)?.edgePort ?? last?.port ?? 8080;
  const { traffic, ...both } = shared;
  const parts = { cell, port, ...both };
  if (last?.routedBy === traffic && isMadeFrom(last, parts)) return { config: last };
  try {
    const route = last?.routedBy === traffic ? last.route : routes(cell, traffic);
    return check(edgeConfig({ ...parts, route, routedBy: traffic }, last), last);
  } catch (refused: unknown) {
    if (!hasCode(refused, 'weights_sum_to_zero')) throw refused;
    // Before the first servers are up nothing is wrong: an edge that has no routes yet waits for them.
    if (last === undefined) return { config: undefined, ...(isServed(traffic) ? { refused } : {}) };
    const { route, routedBy } = last;
    return { refused, ...check(edgeConfig({ ...parts, route, routedBy }, last), last) };
  }
}

const isServed = (traffic: RoleTraffic): boolean => Object.values(traffic).every((cells) => cells.some((c) => c.ready));

const isMadeFrom = (
  config: EdgeConfig,
  { clusters, endpoints, port }: Omit<EdgeParts, 'route' | 'routedBy'>,
): boolean => config.clusters === clusters && config.endpoints === endpoints && config.port === port;

function check(config: EdgeConfig, last: EdgeConfig | undefined): EdgeBuild {
  try {
    assertConsistent(config.snapshot);
    return { config };
  } catch (refused: unknown) {
    return { config: last, refused };
  }
}
