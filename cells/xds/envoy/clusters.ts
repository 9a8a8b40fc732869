/** Envoy clusters and endpoints of the cells. Pure; nothing here depends on weights. */

import { CLIENT_PORT, type EdgeCell, type EdgeWorld, type Endpoint, type EndpointRole } from '../../traffic/world.ts';
import { type Resource, resource } from '../snapshot.ts';
import { ENVOY } from '../types.ts';
import { ADS, any, encodeMessage, type Message, seconds, uint } from './messages.ts';

export const ROLES: readonly EndpointRole[] = ['api', 'gateway'];

export const cellCluster = (cell: string, role: EndpointRole): string => `${cell}-${role}`;
/** What routes point to: the cell's cluster first, the others' when it has nobody to answer. */
export const targetCluster = (cell: string, role: EndpointRole): string => `${cell}-${role}-or-other`;

/** Envoy's default of 1,024 connections is below what one gateway holds: the servers' own limits bind, not these. */
const LIMITS: Message = {
  thresholds: [
    {
      priority: 'DEFAULT',
      max_connections: uint(1_000_000),
      max_pending_requests: uint(100_000),
      max_requests: uint(1_000_000),
      max_retries: uint(1_000),
    },
  ],
};

/** Only failures to connect eject a host: 5xx may be the store's, and then every host gives them. */
const OUTLIERS: Message = {
  split_external_local_origin_errors: true,
  consecutive_local_origin_failure: uint(5),
  enforcing_consecutive_5xx: uint(0),
  enforcing_consecutive_gateway_failure: uint(0),
  enforcing_success_rate: uint(0),
  enforcing_local_origin_success_rate: uint(0),
  interval: seconds(2),
  base_ejection_time: seconds(5),
  max_ejection_percent: uint(50),
};

/** HTTP/1.1, and idle connections dropped before a Node server does (5 s): a POST on a closing one would fail. */
const HTTP1: Message = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    {
      explicit_http_config: { http_protocol_options: {} },
      common_http_protocol_options: { idle_timeout: seconds(4) },
    },
  ),
};

export function clusters(cells: readonly EdgeCell[]): Resource[] {
  return ROLES.flatMap((role) =>
    cells.flatMap((cell, i) => {
      const name = cellCluster(cell.name, role);
      const order = [...cells.slice(i), ...cells.slice(0, i)].map((c) => cellCluster(c.name, role));
      return [
        resource(name, encodeMessage('envoy.config.cluster.v3.Cluster', edsCluster(name)), [
          { type: ENVOY.endpoints, name },
        ]),
        resource(
          targetCluster(cell.name, role),
          encodeMessage('envoy.config.cluster.v3.Cluster', aggregate(targetCluster(cell.name, role), order)),
          order.map((c) => ({ type: ENVOY.cluster, name: c })),
        ),
      ];
    }),
  );
}

const edsCluster = (name: string): Message => ({
  name,
  type: 'EDS',
  eds_cluster_config: { eds_config: ADS },
  connect_timeout: seconds(1),
  lb_policy: 'LEAST_REQUEST',
  // 0: never send to a draining or dead host because too many are: the aggregate's next cluster takes over instead.
  common_lb_config: { healthy_panic_threshold: { value: 0 } },
  circuit_breakers: LIMITS,
  outlier_detection: OUTLIERS,
  typed_extension_protocol_options: HTTP1,
  per_connection_buffer_limit_bytes: uint(65_536),
});

const aggregate = (name: string, order: readonly string[]): Message => ({
  name,
  connect_timeout: seconds(1),
  lb_policy: 'CLUSTER_PROVIDED',
  common_lb_config: { healthy_panic_threshold: { value: 0 } },
  circuit_breakers: LIMITS,
  cluster_type: {
    name: 'envoy.clusters.aggregate',
    typed_config: any('envoy.extensions.clusters.aggregate.v3.ClusterConfig', { clusters: [...order] }),
  },
});

/** What a cluster's ClusterLoadAssignment is made from. */
export interface ClusterHosts {
  cluster: string;
  region: string;
  zone: string;
  hosts: readonly Endpoint[];
}

export function clusterHosts({ cells, endpoints: all }: EdgeWorld): ClusterHosts[] {
  const hosts = new Map<string, Endpoint[]>();
  let [last, group]: [Endpoint | undefined, Endpoint[]] = [undefined, []];
  for (const e of all) {
    if (e.cell !== last?.cell || e.role !== last.role) {
      const cluster = cellCluster(e.cell, e.role);
      group = hosts.get(cluster) ?? [];
      hosts.set(cluster, group);
    }
    group.push(e);
    last = e;
  }
  return ROLES.flatMap((role) =>
    cells.map(({ name, region, zone }) => {
      const cluster = cellCluster(name, role);
      return { cluster, region, zone, hosts: hosts.get(cluster) ?? [] };
    }),
  );
}

/** Whether they make the same assignment. */
export const sameHosts = (a: ClusterHosts, b: ClusterHosts): boolean =>
  a.cluster === b.cluster &&
  a.region === b.region &&
  a.zone === b.zone &&
  a.hosts.length === b.hosts.length &&
  a.hosts.every(({ ip, health }, i) => ip === b.hosts[i]!.ip && health === b.hosts[i]!.health);

export const assignment = ({ cluster, region, zone, hosts }: ClusterHosts): Resource =>
  resource(
    cluster,
    encodeMessage('envoy.config.endpoint.v3.ClusterLoadAssignment', {
      cluster_name: cluster,
      endpoints: [
        {
          locality: { region, zone },
          lb_endpoints: hosts.map((e) => ({
            health_status: e.health,
            endpoint: { address: { socket_address: { address: e.ip, port_value: CLIENT_PORT } } },
          })),
        },
      ],
    }),
  );

export const endpoints = (world: EdgeWorld): Resource[] => clusterHosts(world).map(assignment);
