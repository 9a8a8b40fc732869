/** Heartbeats of all processes: which rows are of the living, and which may go. A state machine without I/O. */
import { Liveness } from '../contract/liveness.ts';
import type { Heartbeat } from '../contract/ring-store.ts';

/** Gateways and api servers beat once a second and own nothing: there is no hurry. */
const POLICY = { heartbeatMs: 1_000, missed: 5 };
/** A row stays so long after its process was found dead, for whoever looks. */
const KEEP_MS = 60_000;

export class Processes {
  readonly #liveness: Liveness;
  readonly #deadSince = new Map<string, number>();
  #alive: readonly Heartbeat[] = [];
  #readAtMs: number | undefined;

  constructor(pollMs: number) {
    this.#liveness = new Liveness({ ...POLICY, pollMs });
  }

  alive(): readonly Heartbeat[] {
    return this.#alive;
  }

  /** How old what `alive` answers is; undefined before the first successful read. */
  ageMs(now: number): number | undefined {
    return this.#readAtMs === undefined ? undefined : now - this.#readAtMs;
  }

  /** One successful read of all rows. Returns the incarnations whose rows may be removed. */
  observe(rows: readonly Heartbeat[], now: number, readDelayMs: number): string[] {
    const { alive, dead } = this.#liveness.observe(rows, now, readDelayMs);
    this.#readAtMs = now - readDelayMs;
    this.#alive = rows.filter((r) => alive.has(r.incarnation));
    for (const incarnation of this.#deadSince.keys()) if (!dead.has(incarnation)) this.#deadSince.delete(incarnation);
    for (const incarnation of dead) if (!this.#deadSince.has(incarnation)) this.#deadSince.set(incarnation, now);
    // The rows of channel servers are the ring manager's: a table may still name them.
    return rows
      .filter((r) => r.role !== 'channel' && now - (this.#deadSince.get(r.incarnation) ?? now) > KEEP_MS)
      .map((r) => r.incarnation);
  }

  observeFailure(now: number): void {
    this.#liveness.observeFailure(now);
  }
}
