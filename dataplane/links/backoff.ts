import type { Random } from '../../cells/contract/clock.ts';

/** Exponential, from `baseMs` to `maxMs`, each spread over 50–100 % so that many waiters do not come back at once. */
export function backoffMs(failures: number, baseMs: number, maxMs: number, random: Random): number {
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(failures, 20));
  return full * (0.5 + random.next() / 2);
}
