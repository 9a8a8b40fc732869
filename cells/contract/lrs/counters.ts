/**
 * What one process saw of the others since its last report. The message path does additions on a PeerLoad that it got
 * when the link was made, and nothing else; everything that costs is done when a report is taken.
 */
import type { ClusterStats, EndpointStats, MetricStats } from './messages.ts';
import { METRIC } from './messages.ts';

export interface Peer {
  role: 'gateway' | 'channel';
  /** Of the Pod, with or without a port: the control plane knows Pods by their IP. */
  address: string;
  cell: string;
  zone: string;
}

/** Counters that had nothing for so many reports are not looked at until they have something again. */
const IDLE_REPORTS = 30;
/** Workspaces named in a report: those with most errors, and of as many those with most requests. */
const WORST_WORKSPACES = 3;

/** The requests to one peer. Each is counted once, when its outcome is known. */
export class PeerLoad {
  readonly peer: Peer;
  requests = 0;
  errors = 0;
  latencyMs = 0;
  /** By workspace, only while there are errors: a healthy peer costs nothing here. */
  workspaces: Map<string, { requests: number; errors: number }> | undefined;
  /** Reports in a row without an error. */
  calm = 0;
  /** Reports in a row that had nothing of this peer; undefined while reports do not look at it. */
  idle: number | undefined;
  readonly #list: (load: PeerLoad) => void;

  constructor(peer: Peer, list: (load: PeerLoad) => void) {
    this.peer = peer;
    this.#list = list;
  }

  /** `latencyMs` is the sum over `count` requests. */
  succeeded(count: number, latencyMs: number, workspace?: string): void {
    if (this.idle === undefined) this.#list(this);
    this.requests += count;
    this.latencyMs += latencyMs;
    if (this.workspaces !== undefined && workspace !== undefined) this.#ofWorkspace(workspace).requests += count;
  }

  failed(count: number, latencyMs: number, workspace?: string): void {
    this.succeeded(count, latencyMs);
    this.errors += count;
    if (workspace === undefined) return;
    this.workspaces ??= new Map();
    const share = this.#ofWorkspace(workspace);
    share.requests += count;
    share.errors += count;
  }

  #ofWorkspace(workspace: string): { requests: number; errors: number } {
    const share = this.workspaces!.get(workspace) ?? { requests: 0, errors: 0 };
    this.workspaces!.set(workspace, share);
    return share;
  }
}

export class LoadCounters {
  /** A call to a peer, or an event on its way to it, that takes longer is to be counted as failed. In ms. */
  readonly slowMs: number;
  readonly #self: Peer | undefined;
  readonly #listed = new Set<PeerLoad>();
  #disconnects = 0;

  /** `self`: of a gateway, which reports its own disconnects. */
  constructor({ slowMs }: { slowMs: number }, self?: Peer) {
    this.slowMs = slowMs;
    this.#self = self;
  }

  /** Counters for one link to a peer; may be kept for as long as one likes. */
  peer(peer: Peer): PeerLoad {
    return new PeerLoad(peer, (load) => {
      load.idle = 0;
      this.#listed.add(load);
    });
  }

  /** A client's socket ended, and neither the client nor a plan of ours wanted it. */
  disconnected(): void {
    this.#disconnects++;
  }

  /** What was counted since the last call. */
  take(): ClusterStats[] {
    const clusters = new Map<string, Map<string, EndpointStats[]>>();
    const add = ({ cell, role, zone }: Peer, stats: EndpointStats): void => {
      const name = `${cell}-${role}`;
      const zones = clusters.get(name) ?? new Map<string, EndpointStats[]>();
      clusters.set(name, zones.set(zone, [...(zones.get(zone) ?? []), stats]));
    };
    for (const load of this.#listed) {
      if (load.requests > 0) add(load.peer, statsOf(load));
      this.#reset(load);
    }
    if (this.#self !== undefined) {
      const disconnects: MetricStats = {
        metric_name: METRIC.disconnects,
        num_requests_finished_with_metric: this.#disconnects,
        total_metric_value: this.#disconnects,
      };
      add(this.#self, { address: addressOf(this.#self), load_metric_stats: [disconnects] });
      this.#disconnects = 0;
    }
    return [...clusters].map(([cluster_name, zones]) => ({
      cluster_name,
      upstream_locality_stats: [...zones].map(([zone, endpoints]) => ({
        locality: { zone },
        total_successful_requests: sum(endpoints, (e) => e.total_successful_requests),
        total_error_requests: sum(endpoints, (e) => e.total_error_requests),
        upstream_endpoint_stats: endpoints,
      })),
    }));
  }

  #reset(load: PeerLoad): void {
    const had = load.requests > 0;
    // Counted on for long after the last error: requests that nobody counted before it would make each error weigh more.
    load.calm = load.errors === 0 ? load.calm + 1 : 0;
    if (load.calm < IDLE_REPORTS) load.workspaces?.clear();
    else load.workspaces = undefined;
    load.requests = load.errors = load.latencyMs = 0;
    load.idle = had ? 0 : (load.idle ?? 0) + 1;
    if (load.idle < IDLE_REPORTS) return;
    load.idle = undefined;
    this.#listed.delete(load);
  }
}

function statsOf(load: PeerLoad): EndpointStats {
  // Those without an error in this report are named too: the errors of the reports before are a share of these requests.
  const worst = [...(load.workspaces ?? [])]
    .sort(([, a], [, b]) => b.errors - a.errors || b.requests - a.requests)
    .slice(0, WORST_WORKSPACES);
  return {
    address: addressOf(load.peer),
    total_successful_requests: load.requests - load.errors,
    total_error_requests: load.errors,
    load_metric_stats: [
      {
        metric_name: METRIC.latencyMs,
        num_requests_finished_with_metric: load.requests,
        total_metric_value: load.latencyMs,
      },
      ...worst.map(([id, { requests, errors }]) => ({
        metric_name: `${METRIC.workspace}${id}`,
        num_requests_finished_with_metric: requests,
        total_metric_value: errors,
      })),
    ],
  };
}

function addressOf({ address }: Peer): NonNullable<EndpointStats['address']> {
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  return colon > 0 && Number.isInteger(port)
    ? { socket_address: { address: address.slice(0, colon).replace(/^\[|\]$/g, ''), port_value: port } }
    : { socket_address: { address } };
}

const sum = <T>(of: readonly T[], value: (item: T) => number | undefined): number =>
  of.reduce((total, item) => total + (value(item) ?? 0), 0);
