/**
 * Which zone is bad in the gray way: its health checks pass, and what crosses its border fails. Pure: the whole verdict
 * follows from one report, so that every replica of the operator comes to the same one.
 *
 * A zone is bad when its links to most other zones fail, observers in two zones say so, and nothing fails between the
 * others. Whatever fails everywhere is the store, or the release, and no zone is to blame.
 */
import type { HealthPolicy } from './policy.ts';
import { badGateways, badProcesses, type GatewayVerdict, isExplained } from './processes.ts';
import type { HealthReport, Hop, Pair } from './report.ts';
import { type Count, rateOf, type State, stateOf, sum, total } from './series.ts';

/** Why nobody is blamed although something fails. */
export type Withheld = 'MissingReplicas' | 'Everywhere' | 'Ambiguous' | 'OneObserver';

export interface BadZone {
  zone: string;
  /** Zones whose processes saw it, sorted. */
  observers: string[];
  hops: Hop[];
  /** Share of failed requests over its failing links, 0–1. */
  errorRate: number;
}

export interface Verdict {
  badZone: BadZone | undefined;
  withheld: Withheld | undefined;
  /** To be drained by themselves, the worst first; of a bad zone none, since it is drained as a whole. */
  badGateways: GatewayVerdict[];
}

/** On an edge's request hang the other two hops: where those fail, it fails in healthy zones too. */
const LEAVES: readonly Hop[] = ['owner', 'fanout'];
/** What is bad by itself fails this many times as often as the rest. */
const CONTRAST = 2;
/** What one zone saw of another on one hop. */
interface Direction {
  hop: Hop;
  observerZone: string;
  targetZone: string;
  counts: Count[];
  state: State;
}

export function judge(report: HealthReport, policy: HealthPolicy): Verdict {
  const without = worstWorkspace(report);
  const processes = badProcesses(report, policy, without);
  const directions = directionsOf(report.pairs, policy, without).map((d) =>
    d.state !== 'fine' && isExplained(processes, d) ? { ...d, state: 'unknown' as const } : d,
  );
  const zones = [...new Set(directions.flatMap((d) => [d.observerZone, d.targetZone]))].sort();
  const { badZone, withheld } = blame(zones, directions, report, policy);
  const gateways = badGateways(report, processes, policy);
  const inBadZone = new Set(report.targets.filter((t) => t.zone === badZone?.zone).map((t) => t.pod));
  return { badZone, withheld, badGateways: gateways.filter((g) => !inBadZone.has(g.pod)) };
}

function blame(
  zones: readonly string[],
  directions: readonly Direction[],
  report: HealthReport,
  policy: HealthPolicy,
): { badZone: BadZone | undefined; withheld: Withheld | undefined } {
  const accused = zones.map((zone) => accuse(zone, zones, directions)).filter((a) => a !== undefined);
  const none = (withheld: Withheld | undefined) => ({ badZone: undefined, withheld });
  if (accused.length === 0) return none(undefined);
  const standing = accused.filter((a) => !contradicted(a, directions, policy));
  const [only, second] = standing;
  if (only === undefined) return none('Everywhere');
  if (second !== undefined) return none('Ambiguous');
  if (only.observers.length < 2) return none('OneObserver');
  // The replica that is missing may be the bad zone's own; of every other zone the word is needed.
  const silent = zones.filter((z) => z !== only.zone && !report.observers.includes(z));
  if (report.missingReplicas > 1 || (report.missingReplicas === 1 && silent.length > 0)) return none('MissingReplicas');
  return { badZone: only, withheld: undefined };
}

/** A zone whose links to at least two thirds of the others fail, in either direction and on any hop. */
function accuse(zone: string, zones: readonly string[], directions: readonly Direction[]): BadZone | undefined {
  const failing = directions.filter((d) => d.state === 'failing' && crosses(d, zone));
  const others = new Set(failing.map((d) => (d.targetZone === zone ? d.observerZone : d.targetZone)));
  if (others.size === 0 || others.size * 3 < (zones.length - 1) * 2) return undefined;
  return {
    zone,
    observers: [...new Set(failing.map((d) => d.observerZone))].sort(),
    hops: [...new Set(failing.map((d) => d.hop))].sort(),
    errorRate: rateOf(total(failing.flatMap((d) => d.counts))),
  };
}

/** Whether what does not touch the zone fails as well. */
function contradicted({ zone, hops }: BadZone, directions: readonly Direction[], policy: HealthPolicy): boolean {
  const leaves = hops.some((hop) => LEAVES.includes(hop));
  const counting = directions.filter((d) => (leaves ? LEAVES : hops).includes(d.hop));
  const apart = counting.filter((d) => d.observerZone !== zone && d.targetZone !== zone);
  const known = apart.filter((d) => d.state !== 'unknown');
  if (known.length === 0 || known.some((d) => d.state === 'troubled' || d.state === 'failing')) return true;
  const touching = counting.filter((d) => d.state === 'failing' && crosses(d, zone));
  const rate = (of: readonly Direction[]): number => rateOf(total(of.flatMap((d) => d.counts)));
  return rate(touching) < Math.max(policy.errorRate, CONTRAST * rate(known));
}

const crosses = (d: Direction, zone: string): boolean =>
  d.observerZone !== d.targetZone && (d.observerZone === zone || d.targetZone === zone);

function directionsOf(pairs: readonly Pair[], policy: HealthPolicy, without: string | undefined): Direction[] {
  const groups = Map.groupBy(pairs, (p) => JSON.stringify([p.hop, p.observerZone, p.targetZone]));
  return [...groups.values()].map((group) => {
    const { hop, observerZone, targetZone } = group[0]!;
    const rows = group.map((p) => p.buckets);
    const counts = sum(rows, policy.windowBuckets, without);
    return { hop, observerZone, targetZone, counts, state: stateOf(counts, policy) };
  });
}

/**
 * The one workspace with most errors, when it fails much more often than all others together: it is left out. In a bad
 * zone some workspace is the worst as well, but the others are hardly better.
 */
function worstWorkspace({ pairs }: HealthReport): string | undefined {
  const buckets = pairs.flatMap((p) => p.buckets).filter((b) => b.worst !== undefined);
  const byWorkspace = Map.groupBy(buckets, (b) => b.worst!.workspace);
  const judged = [...byWorkspace].map(([workspace, of]) => ({
    workspace,
    all: total(of),
    its: total(of.map((b) => b.worst!)),
  }));
  judged.sort((a, b) => b.its.errors - a.its.errors || (a.workspace < b.workspace ? -1 : 1));
  const [first] = judged;
  if (first === undefined) return undefined;
  const rest = { requests: first.all.requests - first.its.requests, errors: first.all.errors - first.its.errors };
  // The only tenant has nobody to be compared with.
  return rest.requests > 0 && rateOf(first.its) > CONTRAST * rateOf(rest) ? first.workspace : undefined;
}
