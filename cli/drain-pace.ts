/** How long a drain still takes, by its steps and by the pace at which sockets and slots are seen to leave. Pure. */
import type { Progress } from './drain-plan.ts';

/** What is left in a Cell. */
export interface Left {
  sockets: number;
  slots: number;
}

/** Figures older than this say nothing of the pace. */
const WINDOW_MS = 30_000;

export class Pace {
  readonly #seen: (Left & { atMs: number })[] = [];

  observe(left: Left, nowMs: number): void {
    this.#seen.push({ ...left, atMs: nowMs });
    while (this.#seen[0]!.atMs < nowMs - WINDOW_MS) this.#seen.shift();
  }

  /** Milliseconds until none of these is left; undefined while none leave. */
  untilNone(what: keyof Left): number | undefined {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    if (last[what] === 0) return 0;
    const gone = first[what] - last[what];
    return gone > 0 ? (last[what] * (last.atMs - first.atMs)) / gone : undefined;
  }
}

export interface Eta {
  /** At least so long, when what is `unknown` has no pace yet. */
  ms: number;
  /** What takes longest. */
  by: 'steps' | keyof Left;
  unknown: boolean;
}

/** Only a drain to 0 waits for slots, and for the sockets that are left at weight 0: until then they leave by the steps. */
export function etaOf({ weight, target, stepsMs, emptying }: Progress, pace: Pace): Eta {
  let eta: Eta = { ms: stepsMs, by: 'steps', unknown: false };
  if (!emptying) return eta;
  for (const what of weight === target ? (['sockets', 'slots'] as const) : (['slots'] as const)) {
    const ms = pace.untilNone(what);
    if (ms === undefined) eta = { ...eta, unknown: true };
    else if (ms > eta.ms) eta = { ...eta, ms, by: what };
  }
  return eta;
}
