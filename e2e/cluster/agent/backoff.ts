/** The wait before a crashed container starts again: at once the first time, then doubling. Pure. */

export interface BackOffPolicy {
  /** The first wait that is not zero, in milliseconds; 10,000 in a kubelet. */
  baseMs: number;
  /** The longest wait. */
  maxMs: number;
  /** A container that ran this long starts afresh. */
  resetAfterMs: number;
}

/** A kubelet's proportions, 10 s to 5 min and afresh after 10 min, on another base. */
export const backOffPolicy = (baseMs: number): BackOffPolicy => ({
  baseMs,
  maxMs: baseMs * 30,
  resetAfterMs: baseMs * 60,
});

export interface BackOffState {
  /** Ends in a row, none of which came after a long run. */
  failures: number;
}

export const noFailures: BackOffState = { failures: 0 };

/** After a container ended that ran for `ranMs`: the new state and how long to wait, in milliseconds. */
export function nextBackOff(
  state: BackOffState,
  ranMs: number,
  policy: BackOffPolicy,
): { state: BackOffState; waitMs: number } {
  const failures = ranMs >= policy.resetAfterMs ? 1 : state.failures + 1;
  const waitMs = failures === 1 ? 0 : Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(failures - 2, 30));
  return { state: { failures }, waitMs };
}
