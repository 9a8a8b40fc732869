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
 * When over half of a role's Pods lose their nodes at once, it is the API server that was away, and with it every
 * kubelet's reports: none of them is taken out then, or its return would leave the edges with none. By role, since the
 * node controller takes Pod after Pod: it can be done with the one role and not have come to the other.
 */
export function edgeWorld(cells: Iterable<Cell>, pods: Iterable<PodLike>): EdgeWorld {
  const list = [...cells];
  const edgeCells = list.map(edgeCell).sort((a, b) => compare(a.name, b.name));
  const known = new Set(edgeCells.map((c) => c.name));
  const alone = new Set(list.flatMap((c) => c.status?.drainingGateways ?? []).map((g) => g.pod));
  const serving = [...pods].map(serverOf).filter((server) => server !== undefined);
  const ofRole = (role: EndpointRole): Server[] => serving.filter((server) => server.as.HEALTHY.role === role);
  const nodesAway = { gateway: mostlySilent(ofRole('gateway')), api: mostlySilent(ofRole('api')) };
  const endpoints: Endpoint[] = [];
  for (const server of serving) {
    const { ip, cell, role } = server.as.HEALTHY;
    const endpoint = ip !== '' && known.has(cell) ? endpointOf(server, nodesAway[role], alone) : undefined;
    if (endpoint) endpoints.push(endpoint);
  }
  endpoints.sort((a, b) => compare(a.cell, b.cell) || compare(a.role, b.role) || compare(a.pod, b.pod));
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

/** What is read of a Pod that serves clients. */
interface Server {
  /** As an endpoint of either health. */
  as: Readonly<Record<Endpoint['health'], Endpoint>>;
  leaving: boolean;
  ready: boolean;
  /**
   * Not ready because its node has not been heard of: the node controller takes only the Ready condition away, the
   * kubelet's last word on the containers stands.
   */
  silent: boolean;
}

/** By Pod: a watched one is never changed in place, and few of thousands change between two worlds. */
const servers = new WeakMap<PodLike, Server | undefined>();

function serverOf(pod: PodLike): Server | undefined {
  if (servers.has(pod)) return servers.get(pod);
  const server = readServer(pod);
  servers.set(pod, server);
  return server;
}

function readServer({ metadata, status }: PodLike): Server | undefined {
  const role = metadata.labels?.[LABELS.component];
  if (role !== 'gateway' && role !== 'api') return undefined;
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return undefined;
  const holds = (type: string): boolean =>
    status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false;
  const ready = holds('Ready');
  const of = (health: Endpoint['health']): Endpoint => ({
    ...{ pod: metadata.name, cell: metadata.labels?.[LABELS.cell] ?? '', role, ip: status?.podIP ?? '', health },
  });
  return {
    as: { HEALTHY: of('HEALTHY'), DRAINING: of('DRAINING') },
    leaving: metadata.deletionTimestamp !== undefined,
    ready,
    silent: !ready && holds('ContainersReady'),
  };
}

const mostlySilent = (of: readonly Server[]): boolean => of.filter((server) => server.silent).length * 2 > of.length;

/** `nodesAway`: what silent Pods last were counts, as it did before. `alone`: Pods that are drained by themselves. */
function endpointOf(server: Server, nodesAway: boolean, alone: ReadonlySet<string>): Endpoint | undefined {
  const leaving = server.leaving || alone.has(server.as.DRAINING.pod);
  // A leaving Pod is named as long as it exists, ready or not: dropping it would cut its open connections' host.
  if (!leaving && !server.ready && !(nodesAway && server.silent)) return undefined;
  return server.as[leaving ? 'DRAINING' : 'HEALTHY'];
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
