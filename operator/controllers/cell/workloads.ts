/** Everything in Kubernetes that a Cell is made of, as manifests. Pure. */
import { createHash } from 'node:crypto';
import type { Manifest } from '../../../cells/contract/kube/client.ts';
import type { Cell, ChannelRing } from '../../../crds/index.ts';
import { LABELS } from '../../../crds/index.ts';
import { addressesFor, type EdgeUrl, type OperatorConfig } from '../../config.ts';
import { envoyBootstrap } from './bootstrap.ts';
import { dataplaneContainer, edgeContainer, GRACE_SECONDS } from './containers.ts';
import {
  COMPONENTS,
  type Component,
  edgeUrlsName,
  labels,
  ownedMeta,
  PORTS,
  replicasOf,
  selector,
  serviceAccountName,
  workloadName,
} from './names.ts';

export interface WorkloadInput {
  cell: Cell;
  /** The ring whose slots the cell's channel servers own; without one there are none. */
  ring: ChannelRing | undefined;
  edgeUrls: readonly EdgeUrl[];
  config: OperatorConfig;
}

/** In the order in which they are made: what a Pod refers to comes before the Pod. */
export function workloadsOf(input: WorkloadInput): Manifest[] {
  const components = COMPONENTS.filter((c) => c !== 'channel' || input.ring);
  return [
    serviceAccount(input.cell),
    edgeUrlsMap(input),
    bootstrapMap(input),
    ...components.flatMap((component) => [
      ...services(input, component),
      disruptionBudget(input.cell, component),
      deployment(input, component),
    ]),
  ];
}

const serviceAccount = (cell: Cell): Manifest => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: ownedMeta(cell, serviceAccountName(cell)),
  automountServiceAccountToken: false,
});

const edgeUrlsMap = ({ cell, edgeUrls }: WorkloadInput): Manifest => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: ownedMeta(cell, edgeUrlsName(cell)),
  data: { edgeUrls: JSON.stringify(edgeUrls) },
});

const bootstrapMap = ({ cell, config }: WorkloadInput): Manifest => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: ownedMeta(cell, workloadName(cell, 'edge'), 'edge'),
  data: { 'bootstrap.json': envoyBootstrap(addressesFor(config.xdsAddresses, cell.spec.zone)) },
});

function services({ cell, config }: WorkloadInput, component: Component): Manifest[] {
  const base = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: ownedMeta(cell, workloadName(cell, component), component),
  } as const;
  if (component === 'edge') {
    if (config.edgeServiceType === 'None') return [];
    const ports = [{ name: 'http', port: cell.spec.edge?.port ?? 8080, targetPort: 'http', protocol: 'TCP' }];
    return [{ ...base, spec: { type: config.edgeServiceType, selector: selector(cell, component), ports } }];
  }
  const name = component === 'channel' ? 'link' : 'http';
  const ports = [
    { name, port: PORTS[component], targetPort: name, protocol: 'TCP' },
    { name: 'admin', port: PORTS.admin, targetPort: 'admin', protocol: 'TCP' },
  ];
  return [{ ...base, spec: { clusterIP: 'None', selector: selector(cell, component), ports } }];
}

const disruptionBudget = (cell: Cell, component: Component): Manifest => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: ownedMeta(cell, workloadName(cell, component), component),
  spec: { maxUnavailable: 1, selector: { matchLabels: selector(cell, component) } },
});

function deployment(input: WorkloadInput, component: Component): Manifest {
  const { cell } = input;
  // Two Envoys cannot listen on one port of one node: there the old one goes first.
  const ownsNodePort = component === 'edge' && cell.spec.edge?.hostNetwork === true;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: ownedMeta(cell, workloadName(cell, component), component),
    spec: {
      replicas: replicasOf(cell, component),
      revisionHistoryLimit: 3,
      progressDeadlineSeconds: 600,
      selector: { matchLabels: selector(cell, component) },
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: ownsNodePort ? { maxSurge: 0, maxUnavailable: 1 } : { maxSurge: 1, maxUnavailable: 0 },
      },
      template: {
        metadata: { labels: labels(cell, component), annotations: podAnnotations(input, component) },
        spec: podSpec(input, component),
      },
    },
  };
}

function podSpec({ cell, ring, config }: WorkloadInput, component: Component): object {
  return {
    serviceAccountName: serviceAccountName(cell),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: GRACE_SECONDS[component],
    nodeSelector: { [LABELS.zone]: cell.spec.zone },
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: selector(cell, component) },
      },
    ],
    ...(component === 'edge' && cell.spec.edge?.hostNetwork ? { hostNetwork: true } : {}),
    ...(config.imagePullSecrets.length > 0
      ? { imagePullSecrets: config.imagePullSecrets.map((name) => ({ name })) }
      : {}),
    securityContext: {
      runAsNonRoot: true,
      ...(config.runAsUser ? { runAsUser: Number(config.runAsUser) } : {}),
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      component === 'edge' ? edgeContainer(cell, config) : dataplaneContainer(cell, component, ring, config),
    ],
    volumes: [
      component === 'edge'
        ? { name: 'bootstrap', configMap: { name: workloadName(cell, 'edge') } }
        : { name: 'state', emptyDir: {} },
    ],
  };
}

/** Envoy reads its bootstrap once: another one needs new Pods. */
function podAnnotations(input: WorkloadInput, component: Component): Record<string, string> {
  if (component !== 'edge') return { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(PORTS.admin) };
  const checksum = createHash('sha256')
    .update(envoyBootstrap(addressesFor(input.config.xdsAddresses, input.cell.spec.zone)))
    .digest('hex')
    .slice(0, 16);
  return { 'chatcells.dev/bootstrap': checksum };
}
