/** What the edges of one cell are to have, but for the listener, which each has on its own address. Pure. */
import { hasCode } from '../contract/errors.ts';
import type { EdgeWorld } from '../traffic/world.ts';
import { clusters, endpoints } from '../xds/envoy/clusters.ts';
import { listener } from '../xds/envoy/listener.ts';
import { routes } from '../xds/envoy/routes.ts';
import { assertConsistent, type Resource, type Snapshot, snapshot } from '../xds/snapshot.ts';
import { ENVOY } from '../xds/types.ts';

export interface EdgeConfig {
  cell: string;
  port: number;
  clusters: readonly Resource[];
  endpoints: readonly Resource[];
  route: Resource;
}

export interface EdgeBuild {
  /** What to publish: new, partly kept or all of `last`; undefined when there never was anything good. */
  config: EdgeConfig | undefined;
  /** Why something of `last` was kept: `weights_sum_to_zero` or `snapshot_inconsistent`. */
  refused?: unknown;
}

/**
 * When no cell takes traffic the last good routes are kept and the endpoints still move on; a configuration that does
 * not hold together is not published at all.
 */
export function buildEdge(cell: string, world: EdgeWorld, last: EdgeConfig | undefined): EdgeBuild {
  const port = world.cells.find((c) => c.name === cell)?.edgePort ?? last?.port ?? 8080;
  const parts = { cell, port, clusters: clusters(world.cells), endpoints: endpoints(world) };
  try {
    return check({ ...parts, route: routes(cell, world) }, last);
  } catch (refused: unknown) {
    if (!hasCode(refused, 'weights_sum_to_zero')) throw refused;
    return last ? { refused, ...check({ ...parts, route: last.route }, last) } : { config: undefined, refused };
  }
}

function check(config: EdgeConfig, last: EdgeConfig | undefined): EdgeBuild {
  try {
    assertConsistent(edgeSnapshot(config, '127.0.0.1'));
    return { config };
  } catch (refused: unknown) {
    return { config: last, refused };
  }
}

export const edgeSnapshot = (config: EdgeConfig, ip: string): Snapshot =>
  snapshot({
    [ENVOY.cluster]: config.clusters,
    [ENVOY.endpoints]: config.endpoints,
    [ENVOY.route]: [config.route],
    [ENVOY.listener]: [listener(ip, config.port)],
  });
