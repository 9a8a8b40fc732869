/**
 * What the processes saw of one another, by pairs of (observer zone, target zone): the input of every decision about
 * gray failure and of a drain's error budget. Taken by the control plane from load reports (LRS), summed over its
 * replicas, served as `/debug/v1/health`.
 */

/** Length of one bucket, in seconds: the window of a drain's error budget. */
export const BUCKET_SECONDS = 10;
/** Replicas may be a bucket before or behind most of them: so many are not had of all. */
export const SPARE_BUCKETS = 2;
/** Complete buckets kept: two minutes, the time after which an error rate counts as a failure, and some to spare. */
export const BUCKETS = 12 + SPARE_BUCKETS;

/**
 * `edge`: requests of the edges to gateways and api. `owner`: operations of gateways and api to the owners of topics.
 * `fanout`: events of the owners to gateways that have a subscriber.
 */
export type Hop = 'edge' | 'owner' | 'fanout';

/** What happened in one bucket. */
export interface Outcomes {
  /** Finished: those that failed included. */
  requests: number;
  /** Failed for a reason that lies with target or path: 5xx, reset, time-out, no connection. Refusals of bad input are none. */
  errors: number;
  /** Sum of the latencies of all finished, in ms. 0 for the hop `edge`: Envoy reports none. */
  latencyMs: number;
  /** The workspace with most errors, where the observer knows it: its own share of the above. */
  worst?: { workspace: string; requests: number; errors: number };
}

export interface Pair {
  hop: Hop;
  observerZone: string;
  targetZone: string;
  /** The Cell that the target belongs to. */
  targetCell: string;
  /** Oldest first; at most BUCKETS, none missing in between; the bucket that is still being filled is not among them. */
  buckets: Outcomes[];
}

/** One process as its peers and itself saw it: to tell one bad process from a bad zone. */
export interface Target {
  pod: string;
  cell: string;
  zone: string;
  role: 'gateway' | 'api' | 'channel';
  buckets: Outcomes[];
  /** Sockets that ended without a planned shed or a client's close, in the last 60 s; gateways only. */
  disconnectsPerMinute?: number;
}

export interface HealthReport {
  /** Zones that reported in the last two buckets. */
  observers: string[];
  /** Control-plane replicas that did not answer, or whose clock is too far off: their nodes' figures are missing. */
  missingReplicas: number;
  pairs: Pair[];
  targets: Target[];
}
