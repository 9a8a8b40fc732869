import type { Random } from '../../cells/contract/clock.ts';

export const BACKOFF = { baseMs: 1_000, maxMs: 30_000, jitter: 0.5 } as const;

/** Delay before retry `attempt` (0 is the first): doubling from the base to the maximum, plus 0–50 %. Pure. */
export function backoffMs(
  attempt: number,
  random: Random,
  limits: { baseMs: number; maxMs: number } = BACKOFF,
): number {
  const plain = Math.min(limits.maxMs, limits.baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(plain * (1 + BACKOFF.jitter * random.next()));
}
