/** Token buckets by workspace: one tenant's spike is refused here and costs no other tenant anything. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../cells/contract/clock.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import type { WorkspaceId } from '../../cells/contract/ids.ts';

interface Bucket {
  tokens: number;
  /** Own monotonic time of the last refill. */
  at: number;
}

/** A forgotten bucket is a full one: dropping the least recently used costs only accuracy. */
const MAX_WORKSPACES = 10_000;

export class WorkspaceRateLimit {
  readonly #clock: Clock;
  readonly #buckets = new LRUCache<WorkspaceId, Bucket>({ max: MAX_WORKSPACES });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Takes one token. `perSecond` is the rate and one second of it the burst. Rejects with `ratelimited` and
   * `retryAfterSeconds` (whole, at least 1).
   */
  take(workspace: WorkspaceId, perSecond: number): void {
    const now = this.#clock.monotonicMs();
    const burst = Math.max(1, perSecond);
    const bucket = this.#buckets.get(workspace) ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    this.#buckets.set(workspace, bucket);
    if (bucket.tokens < 1) {
      const seconds = perSecond > 0 ? Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond)) : 60;
      throw new ChatError('ratelimited', { retryAfterSeconds: seconds });
    }
    bucket.tokens -= 1;
  }
}
