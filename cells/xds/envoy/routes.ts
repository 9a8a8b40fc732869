/** Envoy's routes: the only resource in which weights stand, so that a drain touches no listener. Pure. */

import { type CellTraffic, splitWeights } from '../../traffic/weights.ts';
import type { EdgeWorld, EndpointRole } from '../../traffic/world.ts';
import { type Resource, resource } from '../snapshot.ts';
import { ENVOY } from '../types.ts';
import { targetCluster } from './clusters.ts';
import { encodeMessage, type Message, seconds, uint } from './messages.ts';

export const ROUTES = 'edge';

/** A POST may be sent again only when no server can have seen it. Slack's methods post by GET too: one rule for all. */
const RETRY: Message = {
  retry_on: 'connect-failure,refused-stream,reset-before-request',
  num_retries: uint(2),
  retry_back_off: { base_interval: seconds(0.025), max_interval: seconds(0.25) },
  host_selection_retry_max_attempts: 3,
};

/** Routes of the edges of cell `own`. Throws `weights_sum_to_zero`. */
export function routes(own: string, traffic: RoleTraffic): Resource {
  const used = new Set<string>();
  const weighted = (role: EndpointRole): Message => {
    const shares = splitWeights(own, traffic[role]);
    const targets = [...shares].map(([cell, share]) => ({ name: targetCluster(cell, role), weight: uint(share) }));
    for (const { name } of targets) used.add(name);
    return { weighted_clusters: { clusters: targets } };
  };
  const message = {
    name: ROUTES,
    virtual_hosts: [
      {
        name: ROUTES,
        domains: ['*'],
        routes: [
          {
            name: 'ws',
            match: { path_separated_prefix: '/ws' },
            route: {
              ...weighted('gateway'),
              timeout: seconds(0),
              idle_timeout: seconds(0),
              retry_policy: RETRY,
              upgrade_configs: [{ upgrade_type: 'websocket' }],
            },
          },
          {
            name: 'api',
            match: { prefix: '/api/' },
            route: { ...weighted('api'), timeout: seconds(30), retry_policy: RETRY },
          },
          {
            name: 'health',
            match: { path: '/healthz' },
            direct_response: { status: 200, body: { inline_string: 'ok\n' } },
          },
        ],
      },
    ],
  };
  return resource(
    ROUTES,
    encodeMessage('envoy.config.route.v3.RouteConfiguration', message),
    [...used].map((name) => ({ type: ENVOY.cluster, name })),
  );
}

export type RoleTraffic = Readonly<Record<EndpointRole, readonly CellTraffic[]>>;

export function roleTraffic({ cells, endpoints }: EdgeWorld): RoleTraffic {
  const ready: Record<EndpointRole, Set<string>> = { api: new Set(), gateway: new Set() };
  for (const { cell, role, health } of endpoints) if (health === 'HEALTHY') ready[role].add(cell);
  const of = (role: EndpointRole): CellTraffic[] =>
    cells.map(({ name, weight, capacity }) => ({ name, weight, capacity, ready: ready[role].has(name) }));
  return { api: of('api'), gateway: of('gateway') };
}
