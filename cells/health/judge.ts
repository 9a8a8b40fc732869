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
import { addUp, CONTRAST, type Count, rateOf, type State, standsOut, stateOf, sum, total } from './series.ts';

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

export interface BadWorkspace {
  /** Its id. */
  workspace: string;
  /** Share of its requests that failed over the window, 0–1. */
  errorRate: number;
}

export interface Verdict {
  badZone: BadZone | undefined;
  withheld: Withheld | undefined;
  /**
   * Zones of which something is measured across their border, and nothing of it fails, sorted. A zone in neither place
   * is one of which nothing is known: a drained one has hardly any traffic.
   */
  wellZones: string[];
  /** Fails by itself: it drains nothing, and is left out of the rest of the verdict. */
  badWorkspace: BadWorkspace | undefined;
  /** Ill by themselves, the worst first; of a bad zone none, since it is drained as a whole. */
  badGateways: GatewayVerdict[];
}

/** On an edge's request hang the other two hops: where those fail it fails too, and tells nothing of its own. */
const LEAVES: readonly Hop[] = ['owner', 'fanout'];
/** Part of the window's buckets in which it has to be the zone that fails, and not everything. */
const ZONE_STANDS = 5 / 6;
/** A workspace is compared with the others where it had so many errors: of the few anyone may have had most. */
const WORST_ERRORS = 3;
/** And is to have made this part of all errors there: of two that fail alike, one always has most. */
const OF_ALL_ERRORS = 0.8;
/**
 * The others are to have this part of the requests there: whoever has nearly all has nobody to be compared with. Some of
 * its own may be among those of the others, of before an observer's first error.
 */
const REST_PART = 0.1;
/** What one zone saw of another on one hop. */
interface Direction {
  hop: Hop;
  observerZone: string;
  targetZone: string;
  counts: Count[];
  state: State;
  /** It fails, and a bad process is why. */
  explained?: true;
}

export function judge(report: HealthReport, policy: HealthPolicy): Verdict {
  const without = worstWorkspace(report);
  const processes = badProcesses(report, policy, without);
  const directions = directionsOf(report.pairs, policy, without).map((d) =>
    d.state !== 'fine' && isExplained(processes, d) ? { ...d, state: 'unknown' as const, explained: true as const } : d,
  );
  const zones = [...new Set(directions.flatMap((d) => [d.observerZone, d.targetZone]))].sort();
  const { badZone, withheld } = blame(zones, directions, report, policy);
  const gateways = badGateways(report, processes, policy);
  const inBadZone = new Set(report.targets.filter((t) => t.zone === badZone?.zone).map((t) => t.pod));
  return {
    badZone,
    withheld,
    wellZones: withheld === undefined ? zones.filter((zone) => isWell(zone, directions)) : [],
    badWorkspace: badWorkspace(without, report, policy),
    badGateways: gateways.filter((g) => !inBadZone.has(g.pod)),
  };
}

function blame(
  zones: readonly string[],
  directions: readonly Direction[],
  report: HealthReport,
  policy: HealthPolicy,
): { badZone: BadZone | undefined; withheld: Withheld | undefined } {
  const none = (withheld: Withheld | undefined) => ({ badZone: undefined, withheld });
  const failing = (zone: string): Direction[] => {
    const all = directions.filter((d) => d.state === 'failing' && crosses(d, zone));
    const leaves = all.filter((d) => LEAVES.includes(d.hop));
    const explained = directions.some((d) => d.explained && LEAVES.includes(d.hop));
    return explained || leaves.length > 0 ? leaves : all;
  };
  if (!zones.some((zone) => accuse(zone, zones, failing(zone)))) return none(undefined);
  const standing = zones.flatMap((zone) => {
    const its = failing(zone).filter((d) => isIts(zone, d, directions, policy));
    return accuse(zone, zones, its) ?? [];
  });
  const [only, second] = standing;
  if (only === undefined) return none('Everywhere');
  if (second !== undefined) return none('Ambiguous');
  if (only.observers.length < 2) return none('OneObserver');
  // The replica that is missing may be the bad zone's own; of every other zone the word is needed.
  const silent = zones.filter((z) => z !== only.zone && !report.observers.includes(z));
  if (report.missingReplicas > 1 || (report.missingReplicas === 1 && silent.length > 0)) return none('MissingReplicas');
  return { badZone: only, withheld: undefined };
}

function isWell(zone: string, directions: readonly Direction[]): boolean {
  const states = directions.filter((d) => crosses(d, zone)).map((d) => d.state);
  return states.includes('fine') && !states.includes('troubled') && !states.includes('failing');
}

/** A zone whose links to at least two thirds of the others fail, in either direction and on any hop. */
function accuse(zone: string, zones: readonly string[], failing: readonly Direction[]): BadZone | undefined {
  const others = new Set(failing.map((d) => (d.targetZone === zone ? d.observerZone : d.targetZone)));
  if (others.size === 0 || others.size * 3 < (zones.length - 1) * 2) return undefined;
  return {
    zone,
    observers: [...new Set(failing.map((d) => d.observerZone))].sort(),
    hops: [...new Set(failing.map((d) => d.hop))].sort(),
    errorRate: rateOf(total(failing.flatMap((d) => d.counts))),
  };
}

/** Whether what fails at the zone's border does not fail apart from it. Where nothing is known of that, nobody can say. */
function isIts(zone: string, failing: Direction, directions: readonly Direction[], policy: HealthPolicy): boolean {
  const apart = directions.filter((d) => d.hop === failing.hop && d.observerZone !== zone && d.targetZone !== zone);
  const told = apart.filter((d) => d.state !== 'unknown');
  // Links are compared with links; what a zone has to do with itself, only where nothing else is known.
  const across = told.filter((d) => d.observerZone !== d.targetZone);
  const known = (across.length > 0 ? across : told).map((d) => d.counts);
  return known.length > 0 && standsOut(failing.counts, addUp(known, policy), { part: ZONE_STANDS, policy });
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
  const buckets = pairs
    .flatMap((p) => p.buckets)
    .filter((b) => b.worst !== undefined && b.worst.errors >= WORST_ERRORS);
  const byWorkspace = Map.groupBy(buckets, (b) => b.worst!.workspace);
  const judged = [...byWorkspace].map(([workspace, of]) => ({
    workspace,
    all: total(of),
    its: total(of.map((b) => b.worst!)),
  }));
  judged.sort((a, b) => b.its.errors - a.its.errors || (a.workspace < b.workspace ? -1 : 1));
  return judged.find(({ all, its }) => {
    const rest = { requests: all.requests - its.requests, errors: all.errors - its.errors };
    return (
      rest.requests >= REST_PART * all.requests &&
      its.errors >= OF_ALL_ERRORS * all.errors &&
      rateOf(its) > CONTRAST * rateOf(rest)
    );
  })?.workspace;
}

/** What is left out is bad when it fails through the whole window, as a process or a link is. */
function badWorkspace(
  workspace: string | undefined,
  { pairs }: HealthReport,
  policy: HealthPolicy,
): BadWorkspace | undefined {
  if (workspace === undefined) return undefined;
  const its = pairs.map((p) => p.buckets.map((b) => (b.worst?.workspace === workspace ? b.worst : NOTHING)));
  const counts = sum(its, policy.windowBuckets, undefined);
  return stateOf(counts, policy) === 'failing' ? { workspace, errorRate: rateOf(total(counts)) } : undefined;
}
const NOTHING: Count = { requests: 0, errors: 0 };
