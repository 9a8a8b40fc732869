/** One load report (LRS) → what was observed of whom. Pure. */
import { type ClusterStats, type EndpointStats, METRIC } from '../contract/lrs/messages.ts';
import type { Hop, Target } from './report.ts';

export interface Place {
  pod: string;
  cell: string;
  zone: string;
  role: Target['role'];
}

export interface Observation {
  hop: Hop;
  observerZone: string;
  /** Without a pod when no Pod of that address is known: it counts for the pair all the same. */
  target: Place;
  requests: number;
  errors: number;
  latencyMs: number;
  workspaces: { workspace: string; requests: number; errors: number }[];
}

/** What a gateway says of itself. */
export interface Disconnects {
  target: Place;
  disconnects: number;
}

export interface Observed {
  observations: Observation[];
  disconnects: Disconnects[];
}

const ROLES = ['gateway', 'api', 'channel'] as const;

/** `placeOf`: the Pod that has an IP now. Clusters that are no part of the three hops are left out. */
export function observe(
  observer: { role: string; zone: string },
  stats: readonly ClusterStats[],
  placeOf: (ip: string) => Place | undefined,
): Observed {
  const observed: Observed = { observations: [], disconnects: [] };
  for (const { cluster_name, upstream_locality_stats } of stats) {
    const named = namedPlace(cluster_name);
    if (named === undefined) continue;
    for (const { locality, upstream_endpoint_stats } of upstream_locality_stats)
      for (const endpoint of upstream_endpoint_stats) {
        const known = placeOf(endpoint.address?.socket_address?.address ?? '');
        // An address passes from Pod to Pod: what is known must fit what was asked.
        const fits = known?.cell === named.cell && known.role === named.role;
        const target = fits ? known : { ...named, pod: '', zone: locality?.zone ?? '' };
        add(observed, observer, target, endpoint);
      }
  }
  return observed;
}

function add(to: Observed, observer: { role: string; zone: string }, target: Place, stats: EndpointStats): void {
  const metrics = new Map(stats.load_metric_stats.map((m) => [m.metric_name, m]));
  const disconnects = metrics.get(METRIC.disconnects);
  if (disconnects) to.disconnects.push({ target, disconnects: disconnects.total_metric_value ?? 0 });
  const errors = stats.total_error_requests ?? 0;
  const requests = (stats.total_successful_requests ?? 0) + errors;
  const hop = hopOf(observer.role, target.role);
  if (hop === undefined || requests === 0) return;
  to.observations.push({
    hop,
    observerZone: observer.zone,
    target,
    requests,
    errors,
    latencyMs: metrics.get(METRIC.latencyMs)?.total_metric_value ?? 0,
    workspaces: stats.load_metric_stats
      .filter((m) => m.metric_name.startsWith(METRIC.workspace))
      .map((m) => ({
        workspace: m.metric_name.slice(METRIC.workspace.length),
        requests: m.num_requests_finished_with_metric ?? 0,
        errors: m.total_metric_value ?? 0,
      })),
  });
}

function hopOf(observer: string, target: Place['role']): Hop | undefined {
  if (observer === 'edge') return target === 'channel' ? undefined : 'edge';
  if (target === 'channel') return 'owner';
  return observer === 'channel' && target === 'gateway' ? 'fanout' : undefined;
}

/** `<cell>-<role>`, as clusters are named. */
function namedPlace(cluster: string): { cell: string; role: Place['role'] } | undefined {
  const role = ROLES.find((r) => cluster.endsWith(`-${r}`));
  return role && { cell: cluster.slice(0, -role.length - 1), role };
}
