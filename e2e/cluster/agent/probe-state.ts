/** What a run of probe results means. Pure. */
import type { Probe } from './kube.ts';

export interface ProbeState {
  /** The verdict in force. */
  healthy: boolean;
  /** Results in a row that speak against it. */
  against: number;
}

/** A container is not ready and not started before a probe says so; it is alive until one denies it. */
export const initialProbeState = (kind: 'liveness' | 'readiness' | 'startup'): ProbeState => ({
  healthy: kind === 'liveness',
  against: 0,
});

/** The state after one more result; `failed` when the verdict is negative and this result took part in it. */
export function observe(state: ProbeState, succeeded: boolean, probe: Probe): { state: ProbeState; failed: boolean } {
  const failureThreshold = probe.failureThreshold ?? 3;
  const successThreshold = probe.successThreshold ?? 1;
  const against = succeeded === state.healthy ? 0 : state.against + 1;
  if (state.healthy) {
    const healthy = against < failureThreshold;
    return { state: { healthy, against: healthy ? against : 0 }, failed: !healthy };
  }
  const healthy = against >= successThreshold;
  return { state: { healthy, against: healthy ? 0 : against }, failed: false };
}

/**
 * Startup probes fail a container by failures in a row before the first success, which `observe` does not count since
 * the verdict is negative all along.
 */
export function observeStartup(
  failures: number,
  succeeded: boolean,
  probe: Probe,
): { failures: number; started: boolean; failed: boolean } {
  if (succeeded) return { failures: 0, started: true, failed: false };
  return { failures: failures + 1, started: false, failed: failures + 1 >= (probe.failureThreshold ?? 3) };
}
