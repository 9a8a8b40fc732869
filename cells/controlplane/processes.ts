/** Heartbeats of all processes: which rows are of the living, and which may go. A state machine without I/O. */
import { type Pod, podReady } from '../contract/kube/index.ts';
import { Liveness } from '../contract/liveness.ts';
import type { Heartbeat } from '../contract/ring-store.ts';

/** Gateways and api servers beat once a second and own nothing: there is no hurry. */
const POLICY = { heartbeatMs: 1_000, missed: 5 };
/** A row stays so long after its process was found dead, for whoever looks. */
const KEEP_MS = 60_000;

export class Processes {
  readonly #liveness: Liveness;
  readonly #ready: () => ReadonlySet<string>;
  readonly #deadSince = new Map<string, number>();
  #alive: readonly Heartbeat[] = [];
  #dead: readonly Heartbeat[] = [];
  #readAtMs: number | undefined;

  /** `ready`: uids of the Pods that are Ready now. */
  constructor(pollMs: number, ready: () => ReadonlySet<string>) {
    this.#liveness = new Liveness({ ...POLICY, pollMs });
    this.#ready = ready;
  }

  alive(): readonly Heartbeat[] {
    return this.#alive;
  }

  /**
   * Those that are alive, and those that are silent while their Pod is Ready, as they were last heard: who cannot reach
   * the store goes on serving clients. Of a Pod that has a process alive, or several that are silent, one.
   */
  serving(): readonly Heartbeat[] {
    const byPod = new Map(this.#unheard().map((r) => [podUidOf(r), r]));
    return [...this.#alive, ...byPod.values()];
  }

  /** Silent, of Pods that are Ready and in which no other process is heard of. */
  #unheard(): Heartbeat[] {
    const ready = this.#ready();
    const heard = new Set(this.#alive.map(podUidOf));
    return this.#dead.filter((r) => ready.has(podUidOf(r)) && !heard.has(podUidOf(r)));
  }

  /** How old what `alive` answers is; undefined before the first successful read. */
  ageMs(now: number): number | undefined {
    return this.#readAtMs === undefined ? undefined : now - this.#readAtMs;
  }

  /** One successful read of all rows. Returns the incarnations whose rows may be removed: not those that may serve on. */
  observe(rows: readonly Heartbeat[], now: number, readDelayMs: number): string[] {
    const { alive, dead } = this.#liveness.observe(rows, now, readDelayMs);
    this.#readAtMs = now - readDelayMs;
    this.#alive = rows.filter((r) => alive.has(r.incarnation));
    this.#dead = rows.filter((r) => dead.has(r.incarnation));
    for (const incarnation of this.#deadSince.keys()) if (!dead.has(incarnation)) this.#deadSince.delete(incarnation);
    for (const incarnation of dead) if (!this.#deadSince.has(incarnation)) this.#deadSince.set(incarnation, now);
    const unheard = new Set(this.#unheard());
    // The rows of channel servers are the ring manager's: a table may still name them.
    return this.#dead
      .filter((r) => r.role !== 'channel' && !unheard.has(r))
      .filter((r) => now - this.#deadSince.get(r.incarnation)! > KEEP_MS)
      .map((r) => r.incarnation);
  }

  observeFailure(now: number): void {
    this.#liveness.observeFailure(now);
  }
}

/** Uids of the Pods that are Ready. */
export const readyUids = (pods: ReadonlyMap<string, Pod>): Set<string> =>
  new Set([...pods.values()].flatMap((p) => (podReady(p) && p.metadata.uid !== undefined ? [p.metadata.uid] : [])));

const podUidOf = ({ incarnation }: Heartbeat): string => incarnation.slice(0, incarnation.indexOf('/'));
