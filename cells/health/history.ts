/**
 * What was observed in the last two minutes, of the nodes that report to this replica: a state machine without I/O.
 * Time is cut by the wall clock, so that the buckets of all replicas cover the same seconds.
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
    const bucket = Math.floor(this.#newest / PER_BUCKET) - 1;
    const from = Math.max(bucket - BUCKETS + 1, Math.ceil(this.#first / PER_BUCKET));
    const oldestReport = (bucket - 1) * PER_BUCKET;
    return {
      bucket,
      observers: [...this.#observers].filter(([, at]) => at >= oldestReport).map(([zone]) => zone),
      pairs: [...this.#pairs.values()].map(({ of, series }) => ({ ...of, buckets: series.buckets(from, bucket) })),
      targets: [...this.#targets.values()].map(({ of, series, disconnects }) => ({
        ...of,
        buckets: series.buckets(from, bucket),
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

  #slice(): number {
    return Math.floor(this.#clock.wallMs() / (SLICE_SECONDS * 1_000));
  }

  /** Clears what lies between the last time and now. A wall clock set back stands still here until it has caught up. */
  #advance(): void {
    const now = this.#slice();
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
  /** By bucket, then workspace. */
  readonly #workspaces = new Map<number, Map<string, { requests: number; errors: number }>>();

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
    const bucket = Math.floor(slice / PER_BUCKET);
    const workspaces = this.#workspaces.get(bucket) ?? new Map<string, { requests: number; errors: number }>();
    this.#workspaces.set(bucket, workspaces);
    const share = workspaces.get(of.workspace) ?? { requests: 0, errors: 0 };
    share.requests += of.requests;
    share.errors += of.errors;
    workspaces.set(of.workspace, share);
  }

  clear(slice: number): void {
    const i = slice % SLICES;
    this.requests[i] = this.errors[i] = this.#latencyMs[i] = 0;
    for (const bucket of this.#workspaces.keys())
      if (bucket < slice / PER_BUCKET - BUCKETS) this.#workspaces.delete(bucket);
  }

  /** Of the buckets from `from` to `to`, both included. */
  buckets(from: number, to: number): Outcomes[] {
    const buckets: Outcomes[] = [];
    for (let bucket = from; bucket <= to; bucket++) {
      const outcomes: Outcomes = { requests: 0, errors: 0, latencyMs: 0 };
      for (let slice = bucket * PER_BUCKET; slice < (bucket + 1) * PER_BUCKET; slice++) {
        outcomes.requests += this.requests[slice % SLICES]!;
        outcomes.errors += this.errors[slice % SLICES]!;
        outcomes.latencyMs += this.#latencyMs[slice % SLICES]!;
      }
      const worst = [...(this.#workspaces.get(bucket) ?? [])].sort(([, a], [, b]) => b.errors - a.errors)[0];
      if (worst) outcomes.worst = { workspace: worst[0], ...worst[1] };
      buckets.push(outcomes);
    }
    return buckets;
  }
}
