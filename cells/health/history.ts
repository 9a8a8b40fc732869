/**
 * What was observed in the last two minutes, of the nodes that report to this replica: a state machine without I/O.
 * Time is cut by the wall clock, so that the buckets of all replicas cover the same seconds. Slices are counted by it too,
 * but never backwards: `#ahead` is what the count is before a clock that was set back.
 */
import type { Clock } from '../contract/clock.ts';
import type { Observation, Observed, Place } from './observations.ts';
import { BUCKET_SECONDS, BUCKETS, type Hop, type Outcomes, type Pair, type Target } from './report.ts';

/** Reports come this often; figures are kept at this grain, so that the error budget's window slides. */
export const SLICE_SECONDS = 2;
const PER_BUCKET = BUCKET_SECONDS / SLICE_SECONDS;
/** All complete buckets, and the one that is being filled. */
const SLICES = (BUCKETS + 1) * PER_BUCKET;
const MINUTE = 60 / SLICE_SECONDS;

/** What one replica saw; see combine.ts for all of them. */
export interface OwnReport {
  /** Number of the newest complete bucket, counted from the epoch. */
  bucket: number;
  observers: string[];
  pairs: Pair[];
  targets: Target[];
}

/** Requests of the edges to each cell in the last BUCKET_SECONDS, by the zone of the edge. */
export type CellLoads = Record<string, Record<string, { requests: number; errors: number }>>;

export class LoadHistory {
  readonly #clock: Pick<Clock, 'wallMs'>;
  /** Slice in which this began: a bucket seen in part only is not reported. */
  readonly #first: number;
  #newest: number;
  #ahead = 0;
  readonly #pairs = new Map<string, { of: Omit<Pair, 'buckets'>; series: Series }>();
  readonly #targets = new Map<string, { of: Place; series: Series; disconnects: Float64Array | undefined }>();
  /** Zone → slice of its last report. */
  readonly #observers = new Map<string, number>();

  constructor(clock: Pick<Clock, 'wallMs'>) {
    this.#clock = clock;
    this.#first = this.#newest = this.#slice();
  }

  /** One report of a node in `observerZone`; it may be empty. */
  add(observerZone: string, { observations, disconnects }: Observed): void {
    this.#advance();
    this.#observers.set(observerZone, this.#newest);
    for (const observation of observations) this.#add(observation);
    for (const { target, disconnects: count } of disconnects) {
      if (target.pod === '') continue;
      const entry = this.#target(target);
      entry.disconnects ??= new Float64Array(SLICES);
      entry.disconnects[this.#newest % SLICES]! += count;
    }
  }

  report(): OwnReport {
    this.#advance();
    this.#forgetSilent();
    const bucket = Math.floor((this.#newest - this.#ahead) / PER_BUCKET) - 1;
    const from = Math.max(bucket - BUCKETS + 1, Math.ceil((this.#first - this.#ahead) / PER_BUCKET));
    const oldestReport = this.#start(bucket - 1);
    const bucketsOf = (series: Series): Outcomes[] => {
      const buckets: Outcomes[] = [];
      for (let b = from; b <= bucket; b++) buckets.push(series.sum(this.#start(b), PER_BUCKET));
      return buckets;
    };
    return {
      bucket,
      observers: [...this.#observers].filter(([, at]) => at >= oldestReport).map(([zone]) => zone),
      pairs: [...this.#pairs.values()].map(({ of, series }) => ({ ...of, buckets: bucketsOf(series) })),
      targets: [...this.#targets.values()].map(({ of, series, disconnects }) => ({
        ...of,
        buckets: bucketsOf(series),
        ...(disconnects && { disconnectsPerMinute: this.#lastMinute(disconnects) }),
      })),
    };
  }

  /** The window ends with the last complete slice: it slides, and is at most SLICE_SECONDS old. */
  cellLoads(): CellLoads {
    this.#advance();
    const loads: CellLoads = {};
    for (const { of, series } of this.#pairs.values()) {
      if (of.hop !== 'edge') continue;
      const byZone = loads[of.targetCell] ?? {};
      loads[of.targetCell] = byZone;
      const load = byZone[of.observerZone] ?? { requests: 0, errors: 0 };
      byZone[of.observerZone] = load;
      for (let slice = this.#newest - PER_BUCKET; slice < this.#newest; slice++) {
        load.requests += series.requests[slice % SLICES]!;
        load.errors += series.errors[slice % SLICES]!;
      }
    }
    return loads;
  }

  #add({ hop, observerZone, target, requests, errors, latencyMs, workspaces }: Observation): void {
    const pair = this.#pair(hop, observerZone, target);
    const all = target.pod === '' ? [pair] : [pair, this.#target(target).series];
    for (const series of all) {
      series.add(this.#newest, { requests, errors, latencyMs });
      for (const w of workspaces) series.addWorkspace(this.#newest, w);
    }
  }

  #pair(hop: Hop, observerZone: string, { zone: targetZone, cell: targetCell }: Place): Series {
    const key = [hop, observerZone, targetZone, targetCell].join(' ');
    let entry = this.#pairs.get(key);
    if (entry === undefined) {
      entry = { of: { hop, observerZone, targetZone, targetCell }, series: new Series() };
      this.#pairs.set(key, entry);
    }
    return entry.series;
  }

  #target(place: Place): { series: Series; disconnects: Float64Array | undefined } {
    const key = `${place.cell} ${place.pod}`;
    let entry = this.#targets.get(key);
    if (entry === undefined) {
      entry = { of: place, series: new Series(), disconnects: undefined };
      this.#targets.set(key, entry);
    }
    return entry;
  }

  /** First slice of a bucket, as they are counted here. */
  #start(bucket: number): number {
    return bucket * PER_BUCKET + this.#ahead;
  }

  #slice(): number {
    return Math.floor(this.#clock.wallMs() / (SLICE_SECONDS * 1_000));
  }

  /**
   * Clears what lies between the last time and now. A wall clock set back by no more than a bucket stands still here until
   * it has caught up; by more, and what was seen so far is what came before the time that it shows now.
   */
  #advance(): void {
    const set = this.#slice() + this.#ahead;
    if (this.#newest - set > PER_BUCKET) this.#ahead += this.#newest - set;
    const now = this.#slice() + this.#ahead;
    const from = Math.max(this.#newest + 1, now - SLICES + 1);
    for (let slice = from; slice <= now; slice++) {
      for (const { series } of this.#pairs.values()) series.clear(slice);
      for (const { series, disconnects } of this.#targets.values()) {
        series.clear(slice);
        disconnects?.fill(0, slice % SLICES, (slice % SLICES) + 1);
      }
    }
    this.#newest = Math.max(this.#newest, now);
  }

  #forgetSilent(): void {
    for (const [key, { series }] of this.#pairs) if (series.silent) this.#pairs.delete(key);
    for (const [key, { series, disconnects }] of this.#targets)
      if (series.silent && (disconnects === undefined || disconnects.every((n) => n === 0))) this.#targets.delete(key);
  }

  #lastMinute(disconnects: Float64Array): number {
    let sum = 0;
    for (let slice = this.#newest - MINUTE; slice <= this.#newest; slice++) sum += disconnects[slice % SLICES]!;
    return sum;
  }
}

/** Figures of the last SLICES slices, in rings. */
class Series {
  readonly requests = new Float64Array(SLICES);
  readonly errors = new Float64Array(SLICES);
  readonly #latencyMs = new Float64Array(SLICES);
  readonly #workspaces = new Array<Map<string, Share> | undefined>(SLICES).fill(undefined);

  get silent(): boolean {
    return this.requests.every((n) => n === 0);
  }

  add(slice: number, outcomes: { requests: number; errors: number; latencyMs: number }): void {
    const i = slice % SLICES;
    this.requests[i]! += outcomes.requests;
    this.errors[i]! += outcomes.errors;
    this.#latencyMs[i]! += outcomes.latencyMs;
  }

  addWorkspace(slice: number, of: { workspace: string; requests: number; errors: number }): void {
    const i = slice % SLICES;
    this.#workspaces[i] ??= new Map();
    addShare(this.#workspaces[i], of.workspace, of);
  }

  clear(slice: number): void {
    const i = slice % SLICES;
    this.requests[i] = this.errors[i] = this.#latencyMs[i] = 0;
    this.#workspaces[i] = undefined;
  }

  /** Of `slices` slices from `from` on. */
  sum(from: number, slices: number): Outcomes {
    const outcomes: Outcomes = { requests: 0, errors: 0, latencyMs: 0 };
    const workspaces = new Map<string, Share>();
    for (let slice = from; slice < from + slices; slice++) {
      const i = slice % SLICES;
      outcomes.requests += this.requests[i]!;
      outcomes.errors += this.errors[i]!;
      outcomes.latencyMs += this.#latencyMs[i]!;
      for (const [workspace, share] of this.#workspaces[i] ?? []) addShare(workspaces, workspace, share);
    }
    const worst = [...workspaces].sort(([, a], [, b]) => b.errors - a.errors)[0];
    if (worst && worst[1].errors > 0) outcomes.worst = { workspace: worst[0], ...worst[1] };
    return outcomes;
  }
}

interface Share {
  requests: number;
  errors: number;
}

function addShare(to: Map<string, Share>, workspace: string, { requests, errors }: Share): void {
  const share = to.get(workspace) ?? { requests: 0, errors: 0 };
  share.requests += requests;
  share.errors += errors;
  to.set(workspace, share);
}
