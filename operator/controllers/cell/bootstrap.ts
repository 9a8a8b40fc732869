/**
 * What an edge's Envoy starts with: who it is, and where the control plane is. Everything else comes over ADS. The file
 * is the same for all edges of a cell; what differs by Pod is given by arguments, in which Kubernetes expands $(NAME).
 */
import { isIP } from 'node:net';
import type { Cell } from '../../../crds/index.ts';
import { PORTS } from './names.ts';

const CLUSTER = 'chatcells-controlplane';
/** Of one edge; the cells' own capacity is kept by the weights. */
const MAX_CONNECTIONS = 100_000;

/** The file, as JSON, which is YAML too. Keys are in a fixed order. */
export function envoyBootstrap(xdsAddresses: readonly string[]): string {
  // No timeout: an edge without its first configuration must not call itself ready.
  const adsSource = { resource_api_version: 'V3', ads: {}, initial_fetch_timeout: '0s' };
  const grpc_services = [{ envoy_grpc: { cluster_name: CLUSTER } }];
  const bootstrap = {
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services,
      },
      cds_config: adsSource,
      lds_config: adsSource,
    },
    // What became of the requests to each endpoint: the control plane says how often it wants to hear of it.
    cluster_manager: { load_stats_config: { api_type: 'GRPC', transport_api_version: 'V3', grpc_services } },
    static_resources: { clusters: [controlplaneCluster(xdsAddresses)] },
    overload_manager: {
      resource_monitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          typed_config: {
            '@type':
              'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
            max_active_downstream_connections: MAX_CONNECTIONS,
          },
        },
      ],
    },
  };
  return `${JSON.stringify(bootstrap, null, 2)}\n`;
}

function controlplaneCluster(addresses: readonly string[]): object {
  const endpoints = addresses.map((address) => {
    const { host, port } = splitAddress(address);
    return { endpoint: { address: { socket_address: { address: host, port_value: port } } } };
  });
  const numeric = addresses.every((address) => isIP(splitAddress(address).host) !== 0);
  return {
    name: CLUSTER,
    type: numeric ? 'STATIC' : 'STRICT_DNS',
    connect_timeout: '1s',
    lb_policy: 'ROUND_ROBIN',
    // A replica that is gone without a word is noticed within seconds, and the stream goes to another.
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: '5s', timeout: '3s' } } },
      },
    },
    load_assignment: { cluster_name: CLUSTER, endpoints: [{ lb_endpoints: endpoints }] },
  };
}

function splitAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

/** Arguments of Envoy; POD_NAME and POD_IP are variables of the container. */
export function envoyArgs(cell: Cell, options: { drainSeconds: number; logLevel: string }): string[] {
  const { name } = cell.metadata;
  const merged = {
    node: { metadata: { cell: name, zone: cell.spec.zone, role: 'edge', pod_ip: '$(POD_IP)' } },
    admin: { address: { socket_address: { address: '$(POD_IP)', port_value: PORTS.envoyAdmin } } },
  };
  return [
    '--config-path',
    '/etc/envoy/bootstrap.json',
    '--config-yaml',
    JSON.stringify(merged),
    '--service-node',
    `edge/${name}/$(POD_NAME)`,
    '--service-cluster',
    name,
    '--service-zone',
    cell.spec.zone,
    '--use-dynamic-base-id',
    '--drain-time-s',
    String(options.drainSeconds),
    '--log-level',
    options.logLevel,
  ];
}
