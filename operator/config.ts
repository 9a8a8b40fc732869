/** Configuration of the operator; the chart sets it. */
import {
  type Config,
  duration,
  flag,
  integer,
  json,
  list,
  type Settings,
  text,
} from '../cells/contract/process/config.ts';

export interface EdgeUrl {
  zone: string;
  url: string;
}

const isEdgeUrls = (value: unknown): value is EdgeUrl[] =>
  Array.isArray(value) &&
  value.every((e: Partial<EdgeUrl>) => typeof e?.zone === 'string' && typeof e.url === 'string');

export interface XdsAddress {
  /** Empty when it is not told: an address for any zone, such as that of a Service. */
  zone: string;
  hostPort: string;
}

export function parseXdsAddresses(text: string): XdsAddress[] {
  const addresses = text
    .split(',')
    .map((s) => s.trim())
    .filter(Boolean)
    .map((item) => {
      const [, zone = '', hostPort = ''] = /^(?:([^=]*)=)?(.*)$/.exec(item) ?? [];
      if (!/^\S+:\d+$/.test(hostPort)) throw new Error(`${item} is not host:port or zone=host:port`);
      return { zone, hostPort };
    });
  if (addresses.length === 0) throw new Error('must name at least one address');
  return addresses;
}

/** The own zone's first, since a process asks them in this order. */
export const addressesFor = (addresses: readonly XdsAddress[], zone: string): string[] =>
  [...addresses].sort((a, b) => Number(b.zone === zone) - Number(a.zone === zone)).map((a) => a.hostPort);

const port = { min: 0, max: 65_535 };

export const settings = {
  namespace: text('NAMESPACE', 'The namespace whose resources are reconciled.'),
  podName: text('POD_NAME', 'Name of the own Pod: identity in the Lease and in Events.', 'operator'),
  podIp: text('POD_IP', 'Address that the admin port listens on.', '0.0.0.0'),
  adminPort: integer('ADMIN_PORT', 'Port of /livez, /readyz and /metrics.', port, '9090'),
  image: text('IMAGE', 'Image of the dataplane.'),
  envoyImage: text('ENVOY_IMAGE', 'Image of the edges.'),
  imagePullPolicy: text('IMAGE_PULL_POLICY', 'Always, IfNotPresent or Never.', 'IfNotPresent'),
  imagePullSecrets: list('IMAGE_PULL_SECRETS', 'Names of Secrets, separated by commas.', ''),
  runAsUser: text('RUN_AS_USER', 'User id of the dataplane; empty leaves it to the image.', ''),
  storeSecret: text('STORE_SECRET', 'Secret whose key `url` is the URL of the store.'),
  sessionSecret: text('SESSION_SECRET', 'Secret whose key `key` signs tickets and resume tokens.'),
  xdsAddresses: {
    ...list('XDS_ADDRESSES', 'host:port, or zone=host:port, of the control-plane replicas, separated by commas.'),
    parse: parseXdsAddresses,
  },
  edgeServiceType: text(
    'EDGE_SERVICE_TYPE',
    'Type of the Service of an edge: LoadBalancer, ClusterIP, NodePort, or None.',
    'None',
  ),
  edgeUrls: json(
    'EDGE_URLS',
    'JSON list of {zone, url} that clients are told of; empty takes the edges’ node addresses.',
    isEdgeUrls,
    '[]',
  ),
  edgeDrainSeconds: integer(
    'EDGE_DRAIN_SECONDS',
    'Time that an edge keeps open requests when it ends.',
    { min: 1, max: 3600 },
    '20',
  ),
  envoyLogLevel: text('ENVOY_LOG_LEVEL', 'Log level of the edges.', 'warning'),
  dataplaneLogLevel: text('DATAPLANE_LOG_LEVEL', 'Log level of the dataplane.', 'info'),
  otlpEndpoint: text('OTEL_EXPORTER_OTLP_ENDPOINT', 'Where the dataplane sends its traces; empty sends none.', ''),
  shards: list('SHARDS', 'Shards of the message keyspace, such as -80,80-; 0 is an unsharded one.', '0'),
  grayWindowMs: duration(
    'GRAY_FAILURE_WINDOW',
    'How long a zone has to fail before it counts as bad: whole buckets of 10 s, at most 2m.',
    '2m',
  ),
  grayErrorPercent: integer('GRAY_FAILURE_ERROR_PERCENT', 'Failed requests, in percent.', { min: 1, max: 99 }, '5'),
  grayMinRequests: integer(
    'GRAY_FAILURE_MIN_REQUESTS',
    'Requests in 10 s of one zone to another below which nothing is said of them.',
    { min: 1, max: 1_000_000 },
    '5',
  ),
  graySlowCallMs: duration(
    'GRAY_FAILURE_SLOW_CALL',
    'A call between processes, or an event on its way to a gateway, that takes longer counts as failed.',
    '250ms',
  ),
  grayDisconnects: integer(
    'GRAY_FAILURE_DISCONNECTS',
    'Sockets that a gateway loses in a minute above which it is drained alone.',
    { min: 1, max: 1_000_000_000 },
    '10000',
  ),
  grayDrainGateways: flag('GRAY_FAILURE_DRAIN_GATEWAYS', 'Whether a gateway that fails alone is drained.', 'true'),
  grayClearAfterMs: duration(
    'GRAY_FAILURE_CLEAR_AFTER',
    'How long a zone has to be well to count as well again.',
    '5m',
  ),
  grayCapacityPercent: integer(
    'GRAY_FAILURE_CAPACITY_FLOOR',
    'Share of all capacity, in percent, that has to stay in service when a zone drains itself.',
    { min: 0, max: 100 },
    '50',
  ),
  leaseMs: duration('LEASE_DURATION', 'A leader that has not been heard of for this long is replaced.', '15s'),
  apiTimeoutMs: duration('API_TIMEOUT', 'Time that one request to the API server may take.', '10s'),
  watchInactivityMs: duration(
    'WATCH_INACTIVITY',
    'A watch that brings no byte for this long is begun anew; the API server sends a bookmark a minute.',
    '150s',
  ),
  kubeconfig: text('KUBECONFIG', 'Kubeconfig file; empty takes the account of the Pod.', ''),
  kubernetesServiceHost: text('KUBERNETES_SERVICE_HOST', 'Set by Kubernetes in a Pod.', ''),
} as const satisfies Settings;

export type OperatorConfig = Config<typeof settings>;
