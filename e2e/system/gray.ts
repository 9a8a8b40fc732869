/** What gray failures are watched by: a Cell as it is now, its Events, who leads. And the knobs that set them up. */
import { until } from './command.ts';
import { type ClusterStatus, kubectl, NAMESPACE } from './install.ts';

/** The window, until nothing of an earlier fault is in it, and the time that a zone has to be well then. */
const CLEAR_MS = (2 + 5 + 2) * 60_000;

export interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

export interface CellNow {
  zone: string;
  weight: number;
  phase: string;
  initiator: string | undefined;
  conditions: Condition[];
  drainingGateways: { pod: string; reason: string }[];
}

interface CellObject {
  spec: { zone: string; drain?: { initiator?: string } };
  status?: {
    weight?: number;
    drain?: { phase?: string };
    conditions?: Condition[];
    drainingGateways?: CellNow['drainingGateways'];
  };
}

const getJson = async <T>(status: ClusterStatus, ...args: string[]): Promise<T> =>
  JSON.parse(await kubectl(['get', ...args, '-n', NAMESPACE, '-o', 'json'], status)) as T;

export async function cellNow(cluster: ClusterStatus, cell: string): Promise<CellNow> {
  const { spec, status = {} } = await getJson<CellObject>(cluster, 'cell', cell);
  return {
    zone: spec.zone,
    weight: status.weight ?? 0,
    phase: status.drain?.phase ?? 'None',
    initiator: spec.drain?.initiator,
    conditions: status.conditions ?? [],
    drainingGateways: status.drainingGateways ?? [],
  };
}

/** What was found of its zone. */
export const gray = ({ conditions }: CellNow): Condition | undefined =>
  conditions.find((c) => c.type === 'GrayFailure');

/** Resolves when the zones of these Cells are well, as far as anybody knows. */
export const untilNoneIsSuspect = (cluster: ClusterStatus, cells: readonly string[]): Promise<true> =>
  until(`no zone of ${cells.join(', ')} is suspect`, CLEAR_MS, async () => {
    const now = await Promise.all(cells.map((name) => cellNow(cluster, name)));
    return now.every((c) => gray(c)?.status !== 'True') || undefined;
  });

/** Merged into its spec. */
export const patchCell = (cluster: ClusterStatus, cell: string, spec: object): Promise<string> =>
  kubectl(['patch', 'cell', cell, '-n', NAMESPACE, '--type=merge', '-p', JSON.stringify({ spec })], cluster);

export async function eventReasons(cluster: ClusterStatus, cell: string): Promise<string[]> {
  interface Event {
    reason?: string;
    regarding?: { name?: string };
  }
  const { items } = await getJson<{ items: Event[] }>(cluster, 'events.events.k8s.io');
  return items.filter((e) => e.regarding?.name === cell).flatMap((e) => e.reason ?? []);
}

/** Who holds the operators' Lease, and the zone of the node that it runs on. */
export async function leaderZone(cluster: ClusterStatus): Promise<{ holder: string; zone: string }> {
  const lease = await getJson<{ spec: { holderIdentity?: string } }>(cluster, 'lease', 'chatcells-operator');
  const holder = (lease.spec.holderIdentity ?? '').replace(/_[0-9a-f]+$/, '');
  if (holder === '') return { holder, zone: '' };
  const pod = await getJson<{ spec: { nodeName?: string } }>(cluster, 'pod', holder);
  const node = await kubectl(['get', 'node', pod.spec.nodeName ?? '', '-o', 'json'], cluster);
  const { metadata } = JSON.parse(node) as { metadata: { labels?: Record<string, string> } };
  return { holder, zone: metadata.labels?.['topology.kubernetes.io/zone'] ?? '' };
}

/** Settings of the operator, as its environment variables have them; resolves when it runs with them. */
export async function setOperator(cluster: ClusterStatus, env: Readonly<Record<string, string>>): Promise<void> {
  const name = 'deployment/chatcells-operator';
  const settings = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  await kubectl(['set', 'env', name, '-n', NAMESPACE, ...settings], cluster);
  await kubectl(['rollout', 'status', name, '-n', NAMESPACE, '--timeout=90s'], cluster);
}
