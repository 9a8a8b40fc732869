/** What traffic decisions are made from: observed Cells and Pods, reduced to what matters. Pure. */
import { type Cell, LABELS } from '../../crds/index.ts';

export type EndpointRole = 'gateway' | 'api';

export interface Endpoint {
  pod: string;
  cell: string;
  role: EndpointRole;
  ip: string;
  /** Ready and staying, or on its way out: open connections stay, new ones go elsewhere. */
  health: 'HEALTHY' | 'DRAINING';
}

export interface EdgeCell {
  name: string;
  region: string;
  zone: string;
  /** Weight in force. */
  weight: number;
  capacity: number;
  edgePort: number;
}

/** Cells by name and endpoints by cell, role and pod: sorted, so that equal worlds serialise alike. */
export interface EdgeWorld {
  cells: readonly EdgeCell[];
  endpoints: readonly Endpoint[];
}

/** The part of a core/v1 Pod that we read. */
export interface PodLike {
  metadata: { name: string; labels?: Record<string, string>; deletionTimestamp?: string };
  status?: { podIP?: string; phase?: string; conditions?: { type: string; status: string }[] };
}

/** Port on which gateway and api Pods serve clients. */
export const CLIENT_PORT = 8080;

/**
 * When over half of the Pods lose their nodes at once, it is the API server that was away, and with it every kubelet's
 * reports: no endpoint is taken out then, or its return would leave the edges with none.
 */
export function edgeWorld(cells: Iterable<Cell>, pods: Iterable<PodLike>): EdgeWorld {
  const list = [...cells];
  const edgeCells = list.map(edgeCell).sort((a, b) => compare(a.name, b.name));
  const known = new Set(edgeCells.map((c) => c.name));
  const serving = [...pods].filter(servesClients);
  const nodesAway = serving.filter(isSilent).length * 2 > serving.length;
  const alone = new Set(list.flatMap((c) => c.status?.drainingGateways ?? []).map((g) => g.pod));
  const endpoints = serving
    .flatMap((pod) => endpointOf(pod, nodesAway, alone) ?? [])
    .filter((e) => known.has(e.cell))
    .sort((a, b) => compare(a.cell, b.cell) || compare(a.role, b.role) || compare(a.pod, b.pod));
  return { cells: edgeCells, endpoints };
}

function edgeCell({ metadata, spec, status }: Cell): EdgeCell {
  return {
    name: metadata.name,
    region: spec.region,
    zone: spec.zone,
    weight: weightInForce(spec, status),
    capacity: spec.capacity?.connections ?? 50_000,
    edgePort: spec.edge?.port ?? 8080,
  };
}

/** The operator's decision; the spec's weight until it has made one. */
export const weightInForce = (spec: Cell['spec'], status: Cell['status']): number =>
  status?.weight ?? spec.traffic?.weight ?? 100;

const servesClients = ({ metadata: { labels }, status }: PodLike): boolean =>
  (labels?.[LABELS.component] === 'gateway' || labels?.[LABELS.component] === 'api') &&
  status?.phase !== 'Failed' &&
  status?.phase !== 'Succeeded';

const holds = ({ status }: PodLike, type: string): boolean =>
  status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false;

/**
 * Not ready because its node has not been heard of: the node controller takes only the Ready condition away, the
 * kubelet's last word on the containers stands.
 */
const isSilent = (pod: PodLike): boolean => !holds(pod, 'Ready') && holds(pod, 'ContainersReady');

/** `nodesAway`: what silent Pods last were counts, as it did before. `alone`: Pods that are drained by themselves. */
function endpointOf(pod: PodLike, nodesAway: boolean, alone: ReadonlySet<string>): Endpoint | undefined {
  const { metadata, status } = pod;
  const role = metadata.labels?.[LABELS.component] as EndpointRole;
  const cell = metadata.labels?.[LABELS.cell];
  const ip = status?.podIP;
  if (!cell || !ip) return undefined;
  const leaving = metadata.deletionTimestamp !== undefined || alone.has(metadata.name);
  // A leaving Pod is named as long as it exists, ready or not: dropping it would cut its open connections' host.
  if (!leaving && !holds(pod, 'Ready') && !(nodesAway && isSilent(pod))) return undefined;
  return { pod: metadata.name, cell, role, ip, health: leaving ? 'DRAINING' : 'HEALTHY' };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
