/** The container of each component. */
import { parseDurationMs } from '../../../cells/contract/process/config.ts';
import type { Cell, ChannelRing } from '../../../crds/index.ts';
import { addressesFor, type OperatorConfig } from '../../config.ts';
import { envoyArgs } from './bootstrap.ts';
import { type Component, edgeUrlsName, PORTS } from './names.ts';

/** Grace of a Pod: gateways tell their sockets to go in peace, channel servers hand their slots over. */
export const GRACE_SECONDS = { gateway: 60, channel: 60, api: 30, edge: 30 } as const satisfies Record<
  Component,
  number
>;
export const STATE_DIR = '/var/lib/chatcells';

interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: object;
}
const env = (name: string, value: string): EnvVar => ({ name, value });
const field = (name: string, fieldPath: string): EnvVar => ({
  name,
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
});
const secret = (name: string, from: string, key: string): EnvVar => ({
  name,
  valueFrom: { secretKeyRef: { name: from, key } },
});

const POD_FIELDS = [
  field('POD_NAME', 'metadata.name'),
  field('POD_UID', 'metadata.uid'),
  field('POD_NAMESPACE', 'metadata.namespace'),
  field('POD_IP', 'status.podIP'),
];

const securityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
};

function resourcesOf(cell: Cell, component: Component): object {
  const { gateways, channelServers, api, edge } = cell.spec;
  return { gateway: gateways, channel: channelServers, api, edge }[component]?.resources ?? {};
}

export function edgeContainer(cell: Cell, config: OperatorConfig): object {
  const probe = { httpGet: { path: '/ready', port: PORTS.envoyAdmin, scheme: 'HTTP' } };
  return {
    name: 'envoy',
    image: config.envoyImage,
    imagePullPolicy: config.imagePullPolicy,
    args: envoyArgs(cell, { drainSeconds: config.edgeDrainSeconds, logLevel: config.envoyLogLevel }),
    env: POD_FIELDS,
    ports: [
      { name: 'http', containerPort: cell.spec.edge?.port ?? 8080, protocol: 'TCP' },
      { name: 'admin', containerPort: PORTS.envoyAdmin, protocol: 'TCP' },
    ],
    // /ready answers 200 once the first configuration has come; an edge that lost the control plane stays ready.
    readinessProbe: { ...probe, periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 3 },
    livenessProbe: {
      httpGet: { path: '/server_info', port: PORTS.envoyAdmin, scheme: 'HTTP' },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    volumeMounts: [{ name: 'bootstrap', mountPath: '/etc/envoy', readOnly: true }],
    resources: resourcesOf(cell, 'edge'),
    securityContext,
  };
}

export function dataplaneContainer(
  cell: Cell,
  component: 'gateway' | 'channel' | 'api',
  ring: ChannelRing | undefined,
  config: OperatorConfig,
): object {
  return {
    name: component,
    image: config.image,
    imagePullPolicy: config.imagePullPolicy,
    args: [component],
    env: [...POD_FIELDS, ...commonEnv(cell, component, config), ...ownEnv(cell, component, ring, config)],
    ports: [
      { name: component === 'channel' ? 'link' : 'http', containerPort: PORTS[component], protocol: 'TCP' },
      { name: 'admin', containerPort: PORTS.admin, protocol: 'TCP' },
    ],
    startupProbe: probe('/livez', 2, 60),
    livenessProbe: probe('/livez', 10, 6),
    readinessProbe: probe('/readyz', 2, 3),
    volumeMounts: [{ name: 'state', mountPath: STATE_DIR }],
    resources: resourcesOf(cell, component),
    securityContext,
  };
}

const probe = (path: string, periodSeconds: number, failureThreshold: number): object => ({
  httpGet: { path, port: PORTS.admin, scheme: 'HTTP' },
  periodSeconds,
  timeoutSeconds: 5,
  failureThreshold,
});

function commonEnv(cell: Cell, component: Component, config: OperatorConfig): EnvVar[] {
  return [
    env('CELL', cell.metadata.name),
    env('ZONE', cell.spec.zone),
    env('REGION', cell.spec.region),
    env('XDS_ADDRESSES', addressesFor(config.xdsAddresses, cell.spec.zone).join(',')),
    secret('STORE_URL', config.storeSecret, 'url'),
    env('STATE_DIR', STATE_DIR),
    env('LOG_LEVEL', config.dataplaneLogLevel),
    env('SLOW_CALL', `${config.graySlowCallMs}ms`),
    // Some seconds less than the Pod's grace, so that the process ends by itself and not by SIGKILL.
    env('SHUTDOWN_GRACE', `${GRACE_SECONDS[component] - 5}s`),
    env('ADMIN_PORT', String(PORTS.admin)),
    ...(config.otlpEndpoint ? [env('OTEL_EXPORTER_OTLP_ENDPOINT', config.otlpEndpoint)] : []),
  ];
}

function ownEnv(
  cell: Cell,
  component: 'gateway' | 'channel' | 'api',
  ring: ChannelRing | undefined,
  config: OperatorConfig,
): EnvVar[] {
  if (component !== 'channel') {
    // By reference, so that a moved edge does not restart every gateway: the next one that starts has the new list.
    const urls = { configMapKeyRef: { name: edgeUrlsName(cell), key: 'edgeUrls' } };
    return [
      env('PORT', String(PORTS[component])),
      secret('SESSION_KEY', config.sessionSecret, 'key'),
      { name: 'EDGE_URLS', valueFrom: urls },
    ];
  }
  if (!ring) return [];
  const { heartbeat = '500ms', missed = 4 } = ring.spec.failure ?? {};
  return [
    env('RING', `${ring.metadata.namespace}/${ring.metadata.name}`),
    env('LINK_PORT', String(PORTS.channel)),
    env('HEARTBEAT_MS', String(parseDurationMs(heartbeat))),
    env('HEARTBEATS_MISSED', String(missed)),
  ];
}
