/**
 * Which zones are suspect: from the verdict that names one until it has been well for long enough. A state machine
 * without I/O. Times are of one monotonic clock.
 */
import type { Cell } from '../../crds/index.ts';
import type { BadZone, Verdict } from './judge.ts';

export interface Suspect {
  /** As it was when the zone became suspect; undefined when it was so before this process began. */
  evidence: BadZone | undefined;
}

export class Suspicion {
  readonly #clearAfterMs: number;
  readonly #zones = new Map<string, Suspect & { wellMs: number }>();
  #lastMs: number | undefined;

  /** `clearAfterMs`: how long a zone is to be well before it is no longer suspect. */
  constructor(clearAfterMs: number) {
    this.#clearAfterMs = clearAfterMs;
  }

  /** What another process had found out. */
  inherit(zones: Iterable<string>): void {
    for (const zone of zones) if (!this.#zones.has(zone)) this.#zones.set(zone, { evidence: undefined, wellMs: 0 });
  }

  /** Only of these zones there are Cells: of another nothing is ever measured, and a Cell that comes there is a new one. */
  keepOnly(zones: ReadonlySet<string>): void {
    for (const zone of this.#zones.keys()) if (!zones.has(zone)) this.#zones.delete(zone);
  }

  /**
   * One verdict; undefined when there were no figures. Only time in which a zone is seen to be well makes it well: of a
   * drained one little is measured.
   */
  observe(verdict: Pick<Verdict, 'badZone' | 'wellZones'> | undefined, nowMs: number): void {
    const sinceMs = this.#lastMs === undefined ? 0 : nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (verdict === undefined) return;
    const { badZone, wellZones } = verdict;
    for (const [zone, suspect] of this.#zones) {
      if (zone === badZone?.zone) suspect.wellMs = 0;
      else if (wellZones.includes(zone)) suspect.wellMs += sinceMs;
      if (suspect.wellMs >= this.#clearAfterMs) this.#zones.delete(zone);
    }
    if (badZone && !this.#zones.has(badZone.zone)) this.#zones.set(badZone.zone, { evidence: badZone, wellMs: 0 });
  }

  /** By zone. */
  get suspects(): ReadonlyMap<string, Suspect> {
    return this.#zones;
  }
}

/** Whether the Cell's zone is suspect, as its condition says. */
export const isSuspect = ({ status }: Cell): boolean =>
  status?.conditions?.some((c) => c.type === 'GrayFailure' && c.status === 'True') ?? false;
