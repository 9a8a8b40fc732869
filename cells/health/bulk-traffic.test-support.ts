/**
 * The same traffic as traffic.test-support.ts, drawn a bucket at a time instead of a post at a time: hundreds of hours in
 * seconds. What is drawn for each way through the installation is how many took it and how many of them failed.
 */
import { BUCKETS, type HealthReport, type Hop, type Outcomes, type Pair, type Target } from './report.ts';
import { type Fault, type Leg, mulberry, ZONES } from './traffic.test-support.ts';

/** A fault in the buckets from `from` on, before `to`. */
export interface Episode {
  from: number;
  to: number;
  fault: Fault;
}

export interface BulkOptions {
  seed: number;
  zones?: readonly string[];
  servers?: { gateway: number; api: number; channel: number };
  /** Posts in a bucket, on average. */
  posts: (bucket: number) => number;
  episodes: readonly Episode[];
  /** The zone whose control-plane replica does not answer in a bucket. */
  missing?: (bucket: number) => string | undefined;
}

/** The busiest workspace, and all others together: only the worst is ever looked at. */
const WORKSPACES = [
  { workspace: 'T0', share: 0.2 },
  { workspace: 'T1', share: 0.8 },
];
const OWN_ZONE = 0.75;
/** A WebSocket's posts are no requests of the edge; only some connect anew. */
const CONNECTS = 0.2;

interface Way extends Leg {
  /** Part of all posts that take it. */
  share: number;
  pair: Row<Pair>;
  target: Row<Target>;
  /** What it hangs on: the owner's part of an api server's requests. */
  deeper: Way[];
}
interface Row<T extends Pair | Target> {
  of: T;
  worst: Map<string, { requests: number; errors: number }>;
}

export class BulkWorld {
  readonly #options: BulkOptions;
  readonly #random: () => number;
  readonly #pairs = new Map<string, Row<Pair>>();
  readonly #targets = new Map<string, Row<Target>>();
  readonly #ways: Way[];
  readonly #zones: readonly string[];
  #bucket = -1;

  constructor(options: BulkOptions) {
    this.#options = options;
    this.#random = mulberry(options.seed);
    this.#zones = options.zones ?? ZONES;
    this.#ways = this.#layOut(options.servers ?? { gateway: 2, api: 2, channel: 2 });
  }

  /** One bucket of traffic, then what the control plane would tell. The rows are the world's own: not to be kept. */
  next(): HealthReport {
    const bucket = ++this.#bucket;
    const rows = [...this.#pairs.values(), ...this.#targets.values()];
    for (const { of, worst } of rows) {
      worst.clear();
      of.buckets.push({ requests: 0, errors: 0, latencyMs: 0 });
      if (of.buckets.length > BUCKETS) of.buckets.shift();
    }
    const faults = this.#options.episodes.filter((e) => e.from <= bucket && bucket < e.to).map((e) => e.fault);
    const posts = this.#options.posts(bucket);
    for (const way of this.#ways) this.#take(way, posts, faults);
    for (const { of, worst } of rows) setWorst(of.buckets.at(-1)!, worst);
    const silent = this.#options.missing?.(bucket);
    return {
      observers: this.#zones.filter((z) => z !== silent),
      missingReplicas: silent === undefined ? 0 : 1,
      pairs: [...this.#pairs.values()].map((r) => r.of).filter((p) => p.observerZone !== silent),
      targets: [...this.#targets.values()].map((r) => r.of),
    };
  }

  #take(way: Way, posts: number, faults: readonly Fault[]): void {
    const chance = this.#chance(way, faults);
    const deeper = way.deeper.map((w) => this.#chance(w, faults));
    const below = deeper.length === 0 ? 0 : deeper.reduce((a, b) => a + b, 0) / deeper.length;
    const requests = poisson(posts * way.share, this.#random);
    if (requests === 0) return;
    const errors = binomial(requests, 1 - (1 - chance) * (1 - below), this.#random);
    for (const { of, worst } of [way.pair, way.target]) {
      const at = of.buckets.at(-1)!;
      at.requests += requests;
      at.errors += errors;
      const its = worst.get(way.workspace) ?? { requests: 0, errors: 0 };
      its.requests += requests;
      its.errors += errors;
      worst.set(way.workspace, its);
    }
  }

  #chance(leg: Leg, faults: readonly Fault[]): number {
    let well = 1;
    for (const fault of faults) well *= 1 - fault(leg, this.#bucket);
    return 1 - well;
  }

  #layOut(servers: Record<Target['role'], number>): Way[] {
    return WORKSPACES.flatMap(({ workspace, share }) => {
      const way = (hop: Hop, from: End, to: End, part: number, deeper: Way[] = []): Way => {
        const leg = { hop, observerZone: from.zone, observerPod: from.pod, targetZone: to.zone, targetPod: to.pod };
        return { ...leg, workspace, share: share * part, deeper, ...this.#rowsOf(hop, from, to) };
      };
      return this.#waysOf(servers, way);
    });
  }

  #waysOf(servers: Record<Target['role'], number>, way: MakeWay): Way[] {
    const n = this.#zones.length;
    const pods = (role: Target['role']): (End & { role: Target['role'] })[] =>
      this.#zones.flatMap((zone) =>
        Array.from({ length: servers[role] }, (_, i) => ({ zone, role, pod: `${role}-${zone}-${i}` })),
      );
    const [gateways, apis, channels] = [pods('gateway'), pods('api'), pods('channel')];
    const fronts = [...gateways, ...apis];
    const edges = this.#zones.map((zone): End => ({ zone, role: 'edge', pod: `edge-${zone}` }));
    const perChannel = 1 / n / servers.channel;
    const owners = new Map(
      fronts.map((f) => [f.pod, channels.map((c) => way('owner', f, c, (0.5 / n / servers[f.role]) * perChannel))]),
    );
    const entry = (edge: End, front: End): number => (edge.zone === front.zone ? OWN_ZONE : 0) + (1 - OWN_ZONE) / n;
    const perFront = (role: Target['role']): number =>
      ((0.5 / n) * (role === 'gateway' ? CONNECTS : 1)) / servers[role];
    return [
      ...[...owners.values()].flat(),
      ...edges.flatMap((e) =>
        fronts.map((f) =>
          way('edge', e, f, entry(e, f) * perFront(f.role), f.role === 'api' ? owners.get(f.pod)! : []),
        ),
      ),
      ...channels.flatMap((c) => gateways.map((g) => way('fanout', c, g, perChannel / servers.gateway))),
    ];
  }

  #rowsOf(hop: Hop, from: End, to: End): { pair: Row<Pair>; target: Row<Target> } {
    const targetCell = to.zone.replace('zone', 'cell');
    const key = `${hop} ${from.zone} ${to.zone}`;
    const pairOf = { hop, observerZone: from.zone, targetZone: to.zone, targetCell, buckets: [] };
    const pair = this.#pairs.get(key) ?? { of: pairOf, worst: new Map() };
    this.#pairs.set(key, pair);
    const targetOf = { pod: to.pod, cell: targetCell, zone: to.zone, role: to.role as Target['role'], buckets: [] };
    const target = this.#targets.get(to.pod) ?? { of: targetOf, worst: new Map() };
    this.#targets.set(to.pod, target);
    return { pair, target };
  }
}

type MakeWay = (hop: Hop, from: End, to: End, part: number, deeper?: Way[]) => Way;

interface End {
  zone: string;
  pod: string;
  role: Target['role'] | 'edge';
}

function setWorst(of: Outcomes, by: ReadonlyMap<string, { requests: number; errors: number }>): void {
  let found: Outcomes['worst'];
  for (const [workspace, its] of by)
    if (its.errors > (found?.errors ?? 0)) found = { workspace, requests: its.requests, errors: its.errors };
  if (found) of.worst = found;
}

/** Knuth's for few, the normal distribution's for many. */
function poisson(mean: number, random: () => number): number {
  if (mean > 12) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  const limit = Math.exp(-mean);
  let n = 0;
  for (let product = random(); product > limit; product *= random()) n++;
  return n;
}

function binomial(n: number, chance: number, random: () => number): number {
  if (chance <= 0) return 0;
  // Jumps from one success to the next: as many draws as there are successes.
  let successes = 0;
  const log = Math.log1p(-Math.min(chance, 1 - 1e-12));
  for (let i = Math.floor(Math.log1p(-random()) / log); i < n; i += 1 + Math.floor(Math.log1p(-random()) / log))
    successes++;
  return successes;
}

const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
