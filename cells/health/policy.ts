/** When something counts as failing. */
import { BUCKET_SECONDS, BUCKETS, SPARE_BUCKETS } from './report.ts';

export interface HealthPolicy {
  /** Buckets over which a failure must last: two minutes are 12. At most BUCKETS − SPARE_BUCKETS. */
  windowBuckets: number;
  /** Share of failed requests above which a pair or a process fails, 0–1. */
  errorRate: number;
  /** Requests a bucket, on average over the window, below which nothing is said of a pair or a process. */
  minRequests: number;
  /** Sockets that a gateway loses in a minute above which it is drained by itself. */
  disconnectsPerMinute: number;
}

export const HEALTH_POLICY: HealthPolicy = {
  windowBuckets: 12,
  errorRate: 0.05,
  minRequests: 5,
  disconnectsPerMinute: 10_000,
};

/** Whole buckets of a window of `ms`: at least 2, and no more than every report holds. */
export const windowBucketsOf = (ms: number): number =>
  Math.min(BUCKETS - SPARE_BUCKETS, Math.max(2, Math.round(ms / (1000 * BUCKET_SECONDS))));
