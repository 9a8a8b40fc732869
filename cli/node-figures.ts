/** /debug/v1/nodes of the control plane, and what chatctl makes of it. Pure. */
import { type Pod, podReady } from '../cells/contract/kube/objects.ts';
import { LABELS } from '../crds/index.ts';

/** `DISCONNECTED`: a Ready Pod that no replica has a stream of. `UNKNOWN`: perhaps that of a replica that is silent. */
export type NodeState = 'SYNCED' | 'STALE' | 'NACKED' | 'NOT SENT' | 'DISCONNECTED' | 'UNKNOWN';

export interface TypeFigures {
  type: string;
  state: NodeState;
  resources: number;
  sentVersion: string;
  ackedVersion: string;
  acks: number;
  nacks: number;
  lastError?: string;
  sentSecondsAgo?: number;
  answeredSecondsAgo?: number;
}

/** One element of /debug/v1/nodes. */
export interface NodeFigures {
  id: string;
  pod: string | null;
  role: string;
  cell: string;
  zone: string;
  version: string;
  converged: boolean;
  behindSeconds: number;
  connectedSeconds: number;
  types: TypeFigures[];
}

/** Versions are hashes of content; the words of the node for what it refused. */
export interface ResourceFigures {
  name: string;
  version: string;
  ackedVersion?: string;
  refused?: string;
  sent?: unknown;
  inForce?: unknown;
}

/** /debug/v1/nodes/<id>/config */
export interface NodeConfig {
  node: { id: string; role: string; cell: string; zone: string };
  version: string;
  types: {
    type: string;
    state: NodeState;
    lastError?: string;
    resources: ResourceFigures[];
  }[];
}

export interface NodeRow {
  /** The Pod's name, or the node's id when no Pod is known. */
  node: string;
  id: string | undefined;
  role: string;
  cell: string;
  state: NodeState;
  /** Of the replica that serves it. */
  replica: string | undefined;
  behindSeconds: number;
  types: TypeFigures[];
}

/** Worst first. */
const ORDER: readonly NodeState[] = ['NACKED', 'DISCONNECTED', 'UNKNOWN', 'STALE', 'NOT SENT', 'SYNCED'];
const worst = (states: readonly NodeState[]): NodeState | undefined => ORDER.find((state) => states.includes(state));

/** Roles that take their configuration from the control plane. */
const ROLES: readonly unknown[] = ['edge', 'gateway', 'api'];

/**
 * A row for each node of each replica, and for each Ready Pod that ought to be one; by cell, role and name. `replicas`:
 * those that did not answer have no nodes.
 */
export function nodeRows(
  replicas: readonly { pod: string; nodes: readonly NodeFigures[] | undefined }[],
  pods: readonly Pod[],
): NodeRow[] {
  const rows = replicas.flatMap(({ pod: replica, nodes = [] }) => nodes.map((node) => connected(node, replica)));
  const known = new Set(rows.map((r) => r.node));
  const state = replicas.every((r) => r.nodes !== undefined) ? 'DISCONNECTED' : 'UNKNOWN';
  for (const pod of pods) {
    const { [LABELS.component]: role, [LABELS.cell]: cell = '' } = pod.metadata.labels ?? {};
    const node = pod.metadata.name;
    if (!ROLES.includes(role) || !podReady(pod) || known.has(node)) continue;
    rows.push({ node, id: undefined, role: role!, cell, state, replica: undefined, behindSeconds: 0, types: [] });
  }
  const order = (r: NodeRow): string => `${r.cell}/${r.role}/${r.node}`;
  return rows.sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

function connected(node: NodeFigures, replica: string): NodeRow {
  const { id, role, cell, behindSeconds, types } = node;
  const state = worst(types.map((t) => t.state)) ?? 'NOT SENT';
  return { node: node.pod ?? id, id, role, cell, state, replica, behindSeconds, types };
}

/** Of one type if it is named. A node that no replica serves has told of no type, and is not. */
export const isSynced = ({ state, types }: Pick<NodeRow, 'state' | 'types'>, type?: string): boolean =>
  type === undefined || types.length === 0
    ? state === 'SYNCED'
    : types.every((t) => t.type !== type || t.state === 'SYNCED');

/** Why the node is not SYNCED, in one line: its own words when it refused something. */
export function whyOf({ state, types }: NodeRow): string | undefined {
  if (state === 'DISCONNECTED') return 'no replica has a stream of it: it goes on with what it last had';
  if (state === 'UNKNOWN') return 'a replica did not answer: it may be connected to that one';
  const refused = types.filter((t) => t.lastError !== undefined);
  if (refused.length > 0) return refused.map((t) => `${t.type}: ${oneLine(t.lastError!)}`).join('; ');
  const behind = types.filter((t) => t.state !== 'SYNCED').map((t) => t.type);
  return behind.length === 0 ? undefined : `has not acknowledged ${behind.join(', ')}`;
}

export const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

/** Short names that people know from Envoy and istioctl. */
const ALIASES: Readonly<Record<string, string>> = {
  cds: 'Cluster',
  eds: 'ClusterLoadAssignment',
  lds: 'Listener',
  rds: 'RouteConfiguration',
  endpoints: 'ClusterLoadAssignment',
  route: 'RouteConfiguration',
  slots: 'SlotRange',
};
export const TYPES = [
  'Cluster',
  'ClusterLoadAssignment',
  'Listener',
  'RouteConfiguration',
  'SlotRange',
  'Workspace',
  'DrainOrder',
];

/** The type of a name such as `cds`, `listener` or `SlotRange`; undefined when it is none. */
export const typeNamed = (name: string): string | undefined =>
  ALIASES[name.toLowerCase()] ?? TYPES.find((type) => type.toLowerCase() === name.toLowerCase());
