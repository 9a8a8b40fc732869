/** The reports of all replicas → one. Each node reports to one replica, so what they saw adds up. Pure. */
import type { CellLoads, OwnReport } from './history.ts';
import { BUCKETS, type HealthReport, type Outcomes, type Pair, SPARE_BUCKETS, type Target } from './report.ts';

/** `theirs` has undefined for a replica that did not answer. */
export function combine(own: OwnReport, theirs: readonly (OwnReport | undefined)[]): HealthReport {
  const answers = [own, ...theirs.filter((r) => r !== undefined)];
  const reports = inStep(answers);
  // A replica may be in the next bucket already: the newest that all have is the last.
  const newest = Math.min(...reports.map((r) => r.bucket));
  const pairs = new Map<string, Pair>();
  const targets = new Map<string, Target>();
  for (const { bucket, pairs: itsPairs, targets: itsTargets } of reports) {
    const align = (buckets: readonly Outcomes[]): Outcomes[] =>
      buckets.slice(0, Math.max(0, buckets.length - (bucket - newest)));
    for (const pair of itsPairs) {
      const key = [pair.hop, pair.observerZone, pair.targetZone, pair.targetCell].join(' ');
      pairs.set(key, { ...pair, buckets: sum(pairs.get(key)?.buckets, align(pair.buckets)) });
    }
    for (const target of itsTargets) {
      const key = `${target.cell} ${target.pod}`;
      targets.set(key, mergeTargets(targets.get(key), { ...target, buckets: align(target.buckets) }));
    }
  }
  return {
    observers: [...new Set(reports.flatMap((r) => r.observers))].sort(),
    missingReplicas: 1 + theirs.length - reports.length,
    pairs: sorted(pairs),
    targets: sorted(targets),
  };
}

/**
 * Those whose newest bucket is that of most, or next to it. A clock that is further off tells of other seconds, and would
 * take from the rest the buckets that it lacks, until too few are left to judge by. Of two that differ the one behind is
 * believed: any rule will do, as long as all replicas have the same.
 */
function inStep(reports: readonly OwnReport[]): OwnReport[] {
  const buckets = reports.map((r) => r.bucket).sort((a, b) => a - b);
  const median = buckets[Math.floor((buckets.length - 1) / 2)]!;
  return reports.filter((r) => Math.abs(r.bucket - median) <= SPARE_BUCKETS / 2);
}

function mergeTargets(a: Target | undefined, b: Target): Target {
  const disconnects = [a?.disconnectsPerMinute, b.disconnectsPerMinute].filter((n) => n !== undefined);
  return {
    ...b,
    buckets: sum(a?.buckets, b.buckets),
    ...(disconnects.length > 0 && { disconnectsPerMinute: disconnects.reduce((x, y) => x + y) }),
  };
}

/** Both end with the same bucket. */
function sum(a: readonly Outcomes[] | undefined, b: readonly Outcomes[]): Outcomes[] {
  if (a === undefined) return [...b];
  const length = Math.min(BUCKETS, Math.max(a.length, b.length));
  return Array.from({ length }, (_, i) => add(a.at(i - length), b.at(i - length)));
}

function add(a: Outcomes | undefined, b: Outcomes | undefined): Outcomes {
  if (a === undefined || b === undefined) return (a ?? b)!;
  const worst = worse(a.worst, b.worst);
  return {
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    latencyMs: a.latencyMs + b.latencyMs,
    ...(worst && { worst }),
  };
}

function worse(a: Outcomes['worst'], b: Outcomes['worst']): Outcomes['worst'] {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.workspace === b.workspace)
    return { workspace: a.workspace, requests: a.requests + b.requests, errors: a.errors + b.errors };
  return a.errors >= b.errors ? a : b;
}

const sorted = <T>(of: ReadonlyMap<string, T>): T[] =>
  [...of].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);

/** Below this many requests in the window an error rate means nothing. */
export const MIN_REQUESTS = 20;

/**
 * Share of failed requests of the edges to `cell`, 0–1; undefined when there were too few. `withoutZone`: what the edges
 * of that zone saw is left out, since it may be their own links that fail.
 */
export function errorRate(
  cell: string,
  loads: readonly (CellLoads | undefined)[],
  withoutZone?: string,
): number | undefined {
  const byZone = loads.flatMap((load) => Object.entries(load?.[cell] ?? {}));
  const mine = byZone.filter(([zone]) => zone !== withoutZone).map(([, load]) => load);
  const requests = mine.reduce((sum, { requests }) => sum + requests, 0);
  const errors = mine.reduce((sum, { errors }) => sum + errors, 0);
  return requests < MIN_REQUESTS ? undefined : errors / requests;
}
