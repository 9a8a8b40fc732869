/** What is read from the running system while the demo goes on: control plane figures and channel servers' metrics. */
import { type ClusterStatus, kubectl, NAMESPACE } from './install.ts';

interface Pod {
  metadata: { name: string; labels?: Record<string, string>; deletionTimestamp?: string };
  status: { podIP?: string; phase?: string };
}

export async function pods(
  cluster: ClusterStatus,
  component: string,
): Promise<{ name: string; ip: string; cell: string }[]> {
  const selector = `app.kubernetes.io/name=chatcells,app.kubernetes.io/component=${component}`;
  const list = JSON.parse(await kubectl(['get', 'pods', '-n', NAMESPACE, '-l', selector, '-o', 'json'], cluster)) as {
    items: Pod[];
  };
  return list.items
    .filter(
      (p) => p.status.podIP !== undefined && p.metadata.deletionTimestamp === undefined && p.status.phase === 'Running',
    )
    .map((p) => ({
      name: p.metadata.name,
      ip: p.status.podIP!,
      cell: p.metadata.labels?.['chatcells.dev/cell'] ?? '',
    }));
}

export interface CellFigures {
  cell: string;
  sockets: number;
  slots: number;
}

async function controlplane<T>(cluster: ClusterStatus, path: string): Promise<T> {
  const [replica] = await pods(cluster, 'controlplane');
  if (!replica) throw new Error('no control-plane Pod is running');
  const response = await fetch(`http://${replica.ip}:18080${path}`);
  if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
  return (await response.json()) as T;
}

export const cellFigures = (cluster: ClusterStatus): Promise<CellFigures[]> => controlplane(cluster, '/debug/v1/cells');

export interface RingFigures {
  epoch: number;
  members: { pod: string; cell: string; slots: number }[];
}
export const ringFigures = (cluster: ClusterStatus): Promise<RingFigures> =>
  controlplane(cluster, `/debug/v1/rings/${NAMESPACE}/main`);

/** Sum of a counter over the channel servers that answer, by Pod. A restarted one counts from 0 again. */
export async function channelCounters(cluster: ClusterStatus, metric: string): Promise<Map<string, number>> {
  const out = new Map<string, number>();
  for (const { name, ip } of await pods(cluster, 'channel')) {
    const text = await fetch(`http://${ip}:9090/metrics`).then((r) => r.text());
    const lines = text.split('\n').filter((l) => l.startsWith(`${metric} `) || l.startsWith(`${metric}{`));
    if (lines.length === 0) throw new Error(`${name} has no metric ${metric}`);
    out.set(
      name,
      lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0),
    );
  }
  return out;
}

/** Growth of a counter between two readings; a Pod that restarted in between counts from 0. */
export function growth(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [pod, value] of after) {
    const was = before.get(pod) ?? 0;
    sum += value >= was ? value - was : value;
  }
  return sum;
}
