/** What is read from the running system while load goes on: control plane figures and channel servers' metrics. */
import { type ClusterStatus, kubectl, NAMESPACE, RING } from './install.ts';

interface Pod {
  metadata: { name: string; labels?: Record<string, string>; deletionTimestamp?: string };
  status: { podIP?: string; phase?: string };
}

export interface PodAddress {
  name: string;
  ip: string;
  cell: string;
}

/** The running Pods of a component, as the API server knows them. */
export async function pods(cluster: ClusterStatus, component: string): Promise<PodAddress[]> {
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
  /** Since the processes' heartbeats were read; missing from the version before. */
  ageSeconds?: number;
}

/** From the first replica that answers. */
async function controlplane<T>(replicas: readonly PodAddress[], path: string): Promise<T> {
  let last: unknown = new Error('no control-plane Pod is running');
  for (const { ip } of replicas) {
    try {
      const response = await fetch(`http://${ip}:18080${path}`, { signal: AbortSignal.timeout(5_000) });
      if (response.ok) return (await response.json()) as T;
      last = new Error(`${path}: HTTP ${response.status}`);
    } catch (e: unknown) {
      last = e;
    }
  }
  throw last;
}

/** Of the replicas that answer, the one that knows the latest: one that was cut off from the store tells old news. */
async function newest<T>(replicas: readonly PodAddress[], path: string, newness: (answer: T) => number): Promise<T> {
  const asked = await Promise.allSettled(replicas.map((replica) => controlplane<T>([replica], path)));
  const answers = asked.flatMap((a) => (a.status === 'fulfilled' ? [a.value] : []));
  if (answers.length === 0) return controlplane(replicas, path);
  return answers.reduce((a, b) => (newness(b) > newness(a) ? b : a));
}

export const cellFigures = (replicas: readonly PodAddress[]): Promise<CellFigures[]> =>
  newest<CellFigures[]>(replicas, '/debug/v1/cells', (cells) => -(cells[0]?.ageSeconds ?? 0));

export interface RingFigures {
  epoch: number;
  movesInFlight: number;
  /** Slots without an owner. */
  orphans: number;
  /** Slots of the member with most, over the mean. */
  maxOverAverage: number;
  members: {
    incarnation: string;
    pod: string;
    cell: string;
    zone: string;
    address: string;
    slots: number;
    /** Topics in its memory, as it last told. */
    topics: number;
    state: string;
  }[];
}
export const ringFigures = (replicas: readonly PodAddress[]): Promise<RingFigures> =>
  newest<RingFigures>(replicas, `/debug/v1/rings/${RING}`, (ring) => ring.epoch);

interface Place {
  tableEpoch: number;
  owner: { pod: string } | null;
}
export const where = (replicas: readonly PodAddress[], topic: string): Promise<Place> =>
  newest<Place>(replicas, `/debug/v1/where?topic=${topic}`, (place) => place.tableEpoch);

/** Buckets of a histogram without labels, cumulative, by their upper bounds. Undefined when the Pod does not answer. */
export async function histogramOf({ ip }: PodAddress, metric: string): Promise<Map<number, number> | undefined> {
  const text = await metricsOf(ip);
  if (text === undefined) return undefined;
  const lines = text.matchAll(new RegExp(`^${metric}_bucket\\{le="([^"]+)"\\} (\\d+)`, 'gm'));
  return new Map([...lines].map(([, le, n]) => [le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), Number(n)]));
}

/** Undefined when it is dead, stopped or cut off. */
const metricsOf = (ip: string): Promise<string | undefined> =>
  fetch(`http://${ip}:9090/metrics`, { signal: AbortSignal.timeout(2_000) }).then(
    (r) => r.text(),
    () => undefined,
  );

/** A metric of each Pod that answers, summed over its labels, by Pod. The counters of a restarted one count from 0 again. */
export async function metricByPod(of: readonly PodAddress[], metric: string): Promise<Map<string, number>> {
  const out = new Map<string, number>();
  for (const { name, ip } of of) {
    const text = await metricsOf(ip);
    if (text === undefined) continue; // it took nothing over since
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

/** Requests and errors of all replicas by `<hop> <target zone>`, since each of them started. */
export async function zonePairs(
  replicas: readonly PodAddress[],
): Promise<Map<string, { requests: number; errors: number }>> {
  const totals = new Map<string, { requests: number; errors: number }>();
  for (const { ip } of replicas) {
    const text = await (await fetch(`http://${ip}:18080/metrics`, { signal: AbortSignal.timeout(5_000) })).text();
    for (const line of text.split('\n')) {
      const match = /^zone_pair_(requests|errors)_total\{(.*)\} (\S+)$/.exec(line);
      if (!match) continue;
      const labels = new Map([...match[2]!.matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1]!, m[2]!]));
      const key = `${labels.get('hop')} ${labels.get('target_zone')}`;
      const total = totals.get(key) ?? { requests: 0, errors: 0 };
      total[match[1] as 'requests' | 'errors'] += Number(match[3]);
      totals.set(key, total);
    }
  }
  return totals;
}

/** Sum of a metric of one Pod over its labels. */
export async function podMetric(pod: PodAddress, metric: string): Promise<number> {
  const answers = await metricByPod([pod], metric);
  return answers.get(pod.name) ?? Number.NaN;
}
