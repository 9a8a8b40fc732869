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

export function edgeWorld(cells: Iterable<Cell>, pods: Iterable<PodLike>): EdgeWorld {
  const edgeCells = [...cells].map(edgeCell).sort((a, b) => compare(a.name, b.name));
  const known = new Set(edgeCells.map((c) => c.name));
  const endpoints = [...pods]
    .flatMap((pod) => endpointOf(pod) ?? [])
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

function endpointOf({ metadata, status }: PodLike): Endpoint | undefined {
  const role = metadata.labels?.[LABELS.component];
  const cell = metadata.labels?.[LABELS.cell];
  const ip = status?.podIP;
  if ((role !== 'gateway' && role !== 'api') || !cell || !ip) return undefined;
  if (status.phase === 'Failed' || status.phase === 'Succeeded') return undefined;
  const leaving = metadata.deletionTimestamp !== undefined;
  const ready = status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
  // A leaving Pod is named as long as it exists, ready or not: dropping it would cut its open connections' host.
  if (!ready && !leaving) return undefined;
  return { pod: metadata.name, cell, role, ip, health: leaving ? 'DRAINING' : 'HEALTHY' };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
