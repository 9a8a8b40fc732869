/**
 * Traffic of a whole installation as the observers would report it, drawn by a seed: posts go edge → api → owner →
 * gateways, so that what fails further down shows further up, as it does for real.
 */
import { BUCKETS, type HealthReport, type Hop, type Outcomes, type Pair, type Target } from './report.ts';

export interface Leg {
  hop: Hop;
  observerZone: string;
  observerPod: string;
  targetZone: string;
  targetPod: string;
  workspace: string;
}
/** The chance that this leg fails in this bucket. */
export type Fault = (leg: Leg, bucket: number) => number;

export interface WorldOptions {
  seed: number;
  zones?: readonly string[];
  /** Of each role in each zone. */
  servers?: { gateway: number; api: number; channel: number };
  postsPerBucket?: number;
  workspaces?: number;
  /** Zones that a post's fan-out reaches are all; a gateway of each. */
  faults: readonly Fault[];
}

export const ZONES = ['zone-a', 'zone-b', 'zone-c'];
const SERVERS = { gateway: 2, api: 2, channel: 2 };

export class World {
  readonly #options: Required<Omit<WorldOptions, 'seed'>>;
  readonly random: () => number;
  readonly #pairs = new Map<string, Pair>();
  readonly #targets = new Map<string, Target>();
  #bucket = -1;

  constructor({ seed, ...options }: WorldOptions) {
    this.#options = { zones: ZONES, servers: SERVERS, postsPerBucket: 200, workspaces: 40, ...options };
    this.random = mulberry(seed);
  }

  /** Buckets that have passed. */
  get buckets(): number {
    return this.#bucket + 1;
  }

  /** One bucket of traffic, then what the control plane would tell. */
  next(): HealthReport {
    this.#bucket++;
    for (const row of [...this.#pairs.values(), ...this.#targets.values()]) {
      row.buckets.push({ requests: 0, errors: 0, latencyMs: 0 });
      if (row.buckets.length > BUCKETS) row.buckets.shift();
    }
    const byWorkspace = new Map<Outcomes, Map<string, { requests: number; errors: number }>>();
    for (let i = 0; i < this.#options.postsPerBucket; i++) this.#post(byWorkspace);
    for (const [outcomes, of] of byWorkspace) {
      const [worst] = [...of].sort((a, b) => b[1].errors - a[1].errors);
      if (worst && worst[1].errors > 0) outcomes.worst = { workspace: worst[0], ...worst[1] };
    }
    return {
      observers: [...this.#options.zones],
      missingReplicas: 0,
      pairs: structuredClone([...this.#pairs.values()]),
      targets: structuredClone([...this.#targets.values()]),
    };
  }

  #post(by: Map<Outcomes, Map<string, { requests: number; errors: number }>>): void {
    const workspace = `T${Math.floor(this.#options.workspaces * this.random() ** 3)}`;
    const from = this.#pick(this.#options.zones);
    const channel = this.#server('channel', this.#pick(this.#options.zones));
    const viaApi = this.random() < 0.5;
    // Edges keep to their own cell for the most part; a quarter goes elsewhere.
    const entry = this.random() < 0.75 ? from : this.#pick(this.#options.zones);
    const front = this.#server(viaApi ? 'api' : 'gateway', entry);
    const edge = { ...end('observer', { zone: from, pod: `edge-${from}` }), ...end('target', front), workspace };
    const edgeFailed = this.#fails({ hop: 'edge', ...edge });
    const reached = !edgeFailed || !viaApi;
    const owner = { hop: 'owner' as const, ...end('observer', front), ...end('target', channel), workspace };
    const ownerFailed = reached && this.#leg(owner, by);
    // A WebSocket's posts are no requests of the edge; only some connect anew.
    if (viaApi || this.random() < 0.2)
      this.#record({ hop: 'edge', ...edge }, edgeFailed || (viaApi && ownerFailed), by);
    if (!reached || ownerFailed) return;
    for (const zone of this.#options.zones) {
      const gateway = this.#server('gateway', zone);
      this.#leg({ hop: 'fanout', ...end('observer', channel), ...end('target', gateway), workspace }, by);
    }
  }

  #leg(leg: Leg, by: Map<Outcomes, Map<string, { requests: number; errors: number }>>): boolean {
    const failed = this.#fails(leg);
    this.#record(leg, failed, by);
    return failed;
  }

  #fails(leg: Leg): boolean {
    return this.#options.faults.some((fault) => this.random() < fault(leg, this.#bucket));
  }

  #record(leg: Leg, failed: boolean, by: Map<Outcomes, Map<string, { requests: number; errors: number }>>): void {
    const { hop, observerZone, targetZone, targetPod, workspace } = leg;
    const empty = (): Outcomes[] =>
      Array.from({ length: Math.min(BUCKETS, this.#bucket + 1) }, () => ({ requests: 0, errors: 0, latencyMs: 0 }));
    const targetCell = targetZone.replace('zone', 'cell');
    const key = [hop, observerZone, targetZone].join();
    const pair = this.#pairs.get(key) ?? { hop, observerZone, targetZone, targetCell, buckets: empty() };
    this.#pairs.set(key, pair);
    const role = targetPod.split('-')[0] as Target['role'];
    const target = this.#targets.get(targetPod) ?? {
      ...{ pod: targetPod, cell: targetCell, zone: targetZone, role, buckets: empty() },
    };
    this.#targets.set(targetPod, target);
    for (const { buckets } of [pair, target]) {
      const bucket = buckets.at(-1)!;
      const of = by.get(bucket) ?? new Map<string, { requests: number; errors: number }>();
      by.set(bucket, of);
      const its = of.get(workspace) ?? { requests: 0, errors: 0 };
      of.set(workspace, its);
      for (const count of [bucket, its]) {
        count.requests++;
        if (failed) count.errors++;
      }
      bucket.latencyMs += failed ? 1000 : 5;
    }
  }

  #server(role: Target['role'], zone: string): { zone: string; pod: string } {
    const n = this.#options.servers[role];
    return { zone, pod: `${role}-${zone}-${Math.floor(n * this.random())}` };
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(from.length * this.random())]!;
  }
}

const end = <S extends 'observer' | 'target'>(side: S, { zone, pod }: { zone: string; pod: string }) =>
  ({ [`${side}Zone`]: zone, [`${side}Pod`]: pod }) as Record<`${S}Zone` | `${S}Pod`, string>;

/** Small, seeded, good enough for drawing traffic. */
export function mulberry(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const touches = (leg: Leg, zone: string): boolean =>
  leg.observerZone !== leg.targetZone && (leg.observerZone === zone || leg.targetZone === zone);

/** A few errors always, everywhere. */
export const background =
  (rate: number): Fault =>
  () =>
    rate;

/** What crosses the zone's border gets lost, from a bucket on; on one hop or in one direction only when told so. */
export const lossyZone =
  (zone: string, rate: number, only: { from?: number; hop?: Hop; direction?: 'in' } = {}): Fault =>
  (leg, bucket) =>
    bucket >= (only.from ?? 0) &&
    touches(leg, zone) &&
    (only.hop === undefined || leg.hop === only.hop) &&
    (only.direction === undefined || leg.targetZone === zone)
      ? rate
      : 0;

/** One process that fails, as target and as observer. */
export const badPod =
  (pod: string, rate: number): Fault =>
  (leg) =>
    leg.targetPod === pod || leg.observerPod === pod ? rate : 0;

/** One workspace whose requests fail: everywhere, or where its busiest channel lives. */
export const badWorkspace =
  (workspace: string, rate: number, targetZone?: string): Fault =>
  (leg) =>
    leg.workspace === workspace && (targetZone === undefined || leg.targetZone === targetZone) ? rate : 0;

/** The owners can store nothing. */
export const deadStore =
  (rate: number): Fault =>
  (leg) =>
    leg.hop === 'owner' ? rate : 0;
