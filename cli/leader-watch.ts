/** Whether an operator leads: nobody else carries out what a command has written. Pure. */
import type { Lease } from '../cells/contract/kube/lease.ts';
import { formatDuration } from './durations.ts';

/** Of a Lease that says nothing of it, or that does not exist. */
const LEASE_SECONDS = 15;

/**
 * By the changes of the Lease on our own clock, as operators do among themselves: clocks differ, and a leader that is
 * cut off leaves its name there.
 */
export class LeaderWatch {
  #last: { version: string; seconds: number; atMs: number } | undefined;

  /** What was read; undefined when there is no Lease. */
  observe(lease: Lease | undefined, nowMs: number): void {
    const version = lease?.metadata.resourceVersion ?? '';
    if (this.#last?.version === version) return;
    this.#last = { version, seconds: lease?.spec.leaseDurationSeconds ?? LEASE_SECONDS, atMs: nowMs };
  }

  /** `NO OPERATOR …` once the Lease has not been renewed in time; empty while somebody leads, or nothing could be read. */
  text(nowMs: number): string {
    if (this.#last === undefined) return '';
    const silentMs = nowMs - this.#last.atMs;
    if (silentMs <= 1000 * this.#last.seconds) return '';
    return `NO OPERATOR leads for ${formatDuration(silentMs)}: it waits until one does, see docs/runbooks/ChatcellsNoLeader.md`;
  }
}
