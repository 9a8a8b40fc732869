/** What a cluster is and how it does. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { adminApi } from './admin-api.ts';
import type { ApiClient } from './agent/api-client.ts';
import type { Condition, KubeList, ObjectMeta, Pod } from './agent/kube.ts';
import { kubeconfigFile } from './control-plane.ts';
import { type Fault, readFaults } from './faults.ts';
import type { Layout } from './layout.ts';
import { mysqlUrl } from './mysql.ts';
import { Processes } from './processes.ts';

export interface ClusterNode {
  metadata: ObjectMeta;
  spec?: { taints?: { key: string }[] };
  status?: { conditions?: Condition[] };
}

export interface ClusterStatus {
  name: string;
  /** Whether the API server answers and every node is Ready. */
  running: boolean;
  kubeconfig: string;
  /** The database for the store: `mysql://…` */
  store: string;
  /** Where clients connect: the edges that are Ready. */
  edges: { zone: string; url: string }[];
  nodes: { name: string; zone: string; address: string; ready: boolean }[];
  processes: { name: string; pid: number }[];
  faults: Fault[];
  logs: string;
}

export const isReady = (object: { status?: { conditions?: Condition[] } }): boolean =>
  object.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;

export async function clusterStatus(layout: Layout): Promise<ClusterStatus> {
  const there = existsSync(join(layout.dir, 'pki'));
  const api = there ? adminApi(layout) : undefined;
  try {
    const nodes = (await api?.get<KubeList<ClusterNode>>('/api/v1/nodes').catch(() => undefined))?.items ?? [];
    return {
      name: layout.name,
      running: layout.zones.every((zone) => nodes.some((node) => node.metadata.name === zone.node && isReady(node))),
      kubeconfig: kubeconfigFile(layout.dir),
      store: mysqlUrl(layout.ports.mysql),
      edges: api && nodes.length > 0 ? await edges(api, layout) : [],
      nodes: layout.zones.map((zone) => ({
        name: zone.node,
        zone: zone.name,
        address: zone.nodeIp,
        ready: nodes.some((node) => node.metadata.name === zone.node && isReady(node)),
      })),
      processes: there ? running(layout) : [],
      faults: readFaults(layout),
      logs: join(layout.dir, 'logs'),
    };
  } finally {
    api?.close();
  }
}

function running(layout: Layout): ClusterStatus['processes'] {
  const processes = new Processes(layout.dir, 'detached');
  return processes
    .names()
    .flatMap((name) => processes.find(name) ?? [])
    .map(({ name, pid }) => ({ name, pid }));
}

async function edges(api: ApiClient, layout: Layout): Promise<ClusterStatus['edges']> {
  const selector = encodeURIComponent('app.kubernetes.io/name=chatcells,app.kubernetes.io/component=edge');
  const pods = await api.get<KubeList<Pod>>(`/api/v1/pods?labelSelector=${selector}`);
  return pods.items
    .filter((pod) => isReady(pod) && !pod.metadata.deletionTimestamp)
    .flatMap((pod) => edgeOf(pod, layout) ?? [])
    .sort((a, b) => a.zone.localeCompare(b.zone));
}

/** The port for clients is called `http`, `clients` or `edge`, or is the first that is not the admin's. */
function edgeOf(pod: Pod, layout: Layout): { zone: string; url: string } | undefined {
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? []);
  const port =
    ports.find(({ name }) => ['http', 'clients', 'edge'].includes(name ?? '')) ??
    ports.find(({ name }) => name !== 'admin');
  const zone = layout.zones.find((one) => one.node === pod.spec.nodeName)?.name;
  if (!port || !zone || !pod.status?.podIP) return undefined;
  return { zone, url: `http://${pod.status.podIP}:${port.containerPort}` };
}
