/** Processes that fail while the rest of their zone does not: they are dealt with alone. Pure. */
import type { HealthPolicy } from './policy.ts';
import type { HealthReport, Hop, Target } from './report.ts';
import { addUp, type Count, rateOf, type State, standsOut, stateOf, sum, total } from './series.ts';

/** What a bad process of a role makes fail: the hops on which it is the target, and those on which it observes. */
const SPOILS: Record<Target['role'], { asTarget: readonly Hop[]; asObserver: readonly Hop[] }> = {
  gateway: { asTarget: ['edge', 'fanout'], asObserver: ['owner'] },
  api: { asTarget: ['edge'], asObserver: ['owner'] },
  channel: { asTarget: ['owner'], asObserver: ['fanout'] },
};

/** As many of a zone's processes may fail by themselves as one in so many, and always one. */
const FEW_IN = 3;
/** What one very bad process does to those that it talks to is small beside what it does itself. */
const BESIDE_WORST = 1 / 2;
/** Part of the window's buckets in which it has to be the process that fails: in the others its like may fail as well. */
const STANDS = 1 / 2;

export interface BadProcess {
  target: Target;
  /** 0–1, over the window. */
  errorRate: number;
}

interface Judged extends BadProcess {
  state: State;
  counts: readonly Count[];
}

/** By zone, the most errors first. Of a zone in which many fail there are none here: that is the zone's own trouble. */
export function badProcesses(
  { targets }: HealthReport,
  policy: HealthPolicy,
  without: string | undefined,
): Map<string, BadProcess[]> {
  // What came from an address that no Pod has any more is no process.
  const named = targets.filter((t) => t.pod !== '');
  const all: Judged[] = named.map((target) => {
    const counts = sum([target.buckets], policy.windowBuckets, without);
    return { target, state: stateOf(counts, policy), counts, errorRate: rateOf(total(counts)) };
  });
  const out = new Map<string, BadProcess[]>();
  for (const [zone, judged] of Map.groupBy(all, (j) => j.target.zone)) {
    // What its like do as well is the store's doing, or the zone's.
    const like = (j: Judged): Judged[] => {
      const others = all.filter((o) => o !== j && o.target.role === j.target.role);
      const near = others.filter((o) => o.target.zone === zone);
      return near.length > 0 ? near : others;
    };
    const failing = judged.filter(
      (j) =>
        j.state === 'failing' &&
        standsOut(
          j.counts,
          addUp(
            like(j).map((o) => o.counts),
            policy,
          ),
          { part: STANDS, policy },
        ),
    );
    const worst = Math.max(0, ...failing.map((j) => j.errorRate));
    const bad = failing.filter((j) => j.errorRate > worst * BESIDE_WORST);
    if (bad.length === 0 || (bad.length > 1 && bad.length * FEW_IN > judged.length)) continue;
    bad.sort((a, b) => b.errorRate - a.errorRate || compare(a.target.pod, b.target.pod));
    out.set(
      zone,
      bad.map(({ target, errorRate }) => ({ target, errorRate })),
    );
  }
  return out;
}

/** Whether a failure of (observer → target) on this hop is what bad processes of either zone make of it. */
export function isExplained(
  by: ReadonlyMap<string, readonly BadProcess[]>,
  { hop, observerZone, targetZone }: { hop: Hop; observerZone: string; targetZone: string },
): boolean {
  const spoils = (zone: string, side: 'asTarget' | 'asObserver'): boolean =>
    (by.get(zone) ?? []).some((p) => SPOILS[p.target.role][side].includes(hop));
  return spoils(targetZone, 'asTarget') || spoils(observerZone, 'asObserver');
}

export interface GatewayVerdict {
  pod: string;
  cell: string;
  why: string;
}

/**
 * Gateways that are ill by themselves, the worst first; of a cell in which most are bad none: then it is not the gateway.
 * Whether another is well and can take over is for who knows the Pods: one that has no traffic is in no report.
 */
export function badGateways(
  report: HealthReport,
  bad: ReadonlyMap<string, readonly BadProcess[]>,
  policy: HealthPolicy,
): GatewayVerdict[] {
  const failing = new Map([...bad.values()].flat().map((p) => [p.target.pod, p.errorRate]));
  const gateways = report.targets.filter((t) => t.role === 'gateway');
  const verdicts = gateways.flatMap((t) => {
    const lost = t.disconnectsPerMinute ?? 0;
    const rate = failing.get(t.pod);
    if (lost > policy.disconnectsPerMinute)
      return [{ pod: t.pod, cell: t.cell, why: `it lost about ${coarse(lost)} sockets in a minute`, score: 1 + lost }];
    if (rate === undefined) return [];
    return [{ pod: t.pod, cell: t.cell, why: `about ${Math.round(rate * 100)} % of its requests fail`, score: rate }];
  });
  return verdicts
    .filter(({ cell }) => {
      const all = gateways.filter((g) => g.cell === cell).length;
      const ill = verdicts.filter((v) => v.cell === cell).length;
      return ill === 1 || ill * 2 <= all;
    })
    .sort((a, b) => b.score - a.score || compare(a.pod, b.pod))
    .map(({ pod, cell, why }) => ({ pod, cell, why }));
}

const coarse = (n: number): string => Number(n.toPrecision(2)).toLocaleString('en-US');
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
