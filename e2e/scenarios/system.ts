/** The running system as a scenario sees it: what is where, its counters, and the faults that can be made. */
import { join } from 'node:path';
import { ownedSlots } from '../bench/failover/owned-slots.ts';
import { readPodRecords } from '../cluster/agent/pod-record.ts';
import { type Part, setLoss, setReset, signalPart, signalPod } from '../cluster/faults.ts';
import type { Layout } from '../cluster/layout.ts';
import { startTimeOf } from '../cluster/proc.ts';
import type { Load } from '../load/load-process.ts';
import type { Tenant } from '../load/tenants.ts';
import { cluster, until } from '../system/command.ts';
import {
  type CellFigures,
  cellFigures,
  growth,
  metricByPod,
  type PodAddress,
  pods,
  type RingFigures,
  ringFigures,
  where,
} from '../system/figures.ts';
import { type ClusterStatus, kubectl, NAMESPACE, RING } from '../system/install.ts';

export interface Victim {
  pod: string;
  cell: string;
  zone: string;
  /** Of the load's channels, those that it owns. */
  topics: string[];
}

const WHOLE_MS = 180_000;
const GAPS_MS = 30_000;
/** Then nothing is left to move: a channel still has the owner that it had when a scenario looked. */
const BALANCED = 1.01;
const CONTROL_PLANE_PORT = 18080;

export class System {
  readonly status: ClusterStatus;
  readonly load: Load;
  readonly tenants: readonly Tenant[];
  readonly #layout: Layout;
  /** Channel servers and control planes as they were when the API server was last asked. */
  #channelPods: PodAddress[] = [];
  #controlPods: PodAddress[] = [];
  #operators: PodAddress[] = [];
  /** When each Pod was last struck by a signal, in ms since 1970. */
  readonly #struckAtMs = new Map<string, number>();

  constructor(at: { status: ClusterStatus; load: Load; tenants: readonly Tenant[]; layout: Layout }) {
    this.status = at.status;
    this.load = at.load;
    this.tenants = at.tenants;
    this.#layout = at.layout;
  }

  get clients(): number {
    return this.tenants.reduce((sum, t) => sum + t.clients.length, 0);
  }
  get zones(): readonly string[] {
    return this.#layout.zones.map((z) => z.name);
  }

  /** Asks the API server which Pods there are; what follows goes by it, also while the API server is down. */
  async look(): Promise<void> {
    [this.#channelPods, this.#controlPods, this.#operators] = await Promise.all([
      pods(this.status, 'channel'),
      pods(this.status, 'controlplane'),
      pods(this.status, 'operator'),
    ]);
  }

  get controlPlanes(): readonly PodAddress[] {
    return this.#controlPods;
  }
  podsOf(component: string): Promise<PodAddress[]> {
    return pods(this.status, component);
  }

  /** Path of the API server's audit log. */
  get auditLog(): string {
    return join(this.#layout.dir, 'logs/audit.log');
  }

  async cell(name: string): Promise<CellFigures> {
    const figures = (await cellFigures(this.#controlPods)).find((c) => c.cell === name);
    if (!figures) throw new Error(`the control plane does not know ${name}`);
    return figures;
  }

  ring(): Promise<RingFigures> {
    return ringFigures(this.#controlPods);
  }

  /**
   * The channel servers with the load's channels that each owns: those with any first, of these the one that was struck
   * longest ago, so that rounds take turns and no container is started again later and later; then the one with most.
   */
  async channelServers(): Promise<Victim[]> {
    const ring = await this.ring();
    const topics = this.tenants.flatMap((t) => t.channels);
    const owners = await Promise.all(topics.map((topic) => where(this.#controlPods, topic)));
    return ring.members
      .filter((m) => m.state === 'serving')
      .map(({ pod, cell, zone }) => ({
        ...{ pod, cell, zone },
        topics: topics.filter((_, i) => owners[i]!.owner?.pod === pod),
      }))
      .sort(
        (a, b) =>
          Number(b.topics.length > 0) - Number(a.topics.length > 0) ||
          (this.#struckAtMs.get(a.pod) ?? 0) - (this.#struckAtMs.get(b.pod) ?? 0) ||
          b.topics.length - a.topics.length,
      );
  }

  /**
   * How many slots the table gives to these: asked when they have been struck, before a standby can think them dead. Some
   * may have moved by plan since they were looked up.
   */
  async slotsOf(victims: readonly Victim[]): Promise<number> {
    const pods = victims.map((v) => v.pod);
    return (await ownedSlots(this.status.store, RING, pods)).size;
  }

  /** Slots taken over from dead owners since `before`, or since every server started. Servers that do not answer count as they were. */
  async takeovers(): Promise<Map<string, number>> {
    return metricByPod(this.#channelPods, 'ring_takeovers_total');
  }
  async takeoversSince(before: ReadonlyMap<string, number>): Promise<number> {
    return growth(before, await this.takeovers());
  }
  counters(metric: string): Promise<Map<string, number>> {
    return metricByPod(this.#channelPods, metric);
  }

  /** Follows what a fault at `atMs` does to the posts of these topics: their gaps in ms, when all have one again. */
  async gaps(atMs: number, topics: readonly string[], edges?: readonly string[]): Promise<number[]> {
    this.load.watch({
      atMs,
      forMs: 10_000,
      topics: [...topics],
      ...(edges === undefined ? {} : { edges: [...edges] }),
    });
    return until(`${topics.length} topics acknowledged again`, GAPS_MS, async () => {
      const { gapsMs, watchedAtMs } = this.load.figures;
      return watchedAtMs === atMs && topics.every((t) => gapsMs[t] !== undefined)
        ? topics.map((t) => gapsMs[t]!)
        : undefined;
    });
  }

  /** Every channel server serves its share, no slot is on its way or without owner, every client is connected. */
  async whole(): Promise<void> {
    const expected = this.#channelPods.length;
    await until('the system is whole again', WHOLE_MS, async () => {
      const ring = await this.ring();
      const serving = ring.members.filter((m) => m.state === 'serving' && m.slots > 0);
      const still = ring.movesInFlight === 0 && ring.orphans === 0 && ring.maxOverAverage < BALANCED;
      return still && serving.length === expected && this.load.figures.connected === this.clients ? true : undefined;
    });
  }

  // faults: each returns when it struck, in ms since 1970

  kill(pod: string): number {
    return this.#signal(pod, 'SIGKILL');
  }
  stop(pod: string): number {
    return this.#signal(pod, 'SIGSTOP');
  }
  cont(pod: string): number {
    return this.#signal(pod, 'SIGCONT');
  }
  #signal(pod: string, signal: NodeJS.Signals): number {
    const atMs = Date.now();
    this.#struckAtMs.set(pod, atMs);
    signalPod(this.#layout, { pod }, signal);
    return atMs;
  }

  signalPart(part: Part, signal: NodeJS.Signals): number {
    const atMs = Date.now();
    signalPart(this.#layout, part, signal);
    return atMs;
  }
  /** Starts again what was killed of store and API server. */
  async start(): Promise<void> {
    await cluster(['up']);
  }

  /** Cuts all links of a zone: to the store, the API server and the other zones. */
  isolate(zone: string): number {
    const atMs = Date.now();
    for (const end of this.#endsFor(zone)) setLoss(this.#layout, zone, end, 100);
    return atMs;
  }
  heal(zone: string): void {
    for (const end of this.#endsFor(zone)) setLoss(this.#layout, zone, end, 0);
  }
  #endsFor(zone: string): string[] {
    return ['store', 'api', ...this.zones.filter((z) => z !== zone)];
  }

  /** Loses so many percent of the packets between a zone and the others; the store and the API server are reached as before. */
  thin(zone: string, lossPercent: number): void {
    for (const other of this.zones.filter((z) => z !== zone)) setLoss(this.#layout, zone, other, lossPercent);
  }

  /** Has every connection to the clients' port of a Pod reset, or no longer. */
  reset(ip: string, on: boolean): void {
    setReset(this.#layout, ip, on);
  }

  edgesOutside(zone: string): string[] {
    return this.status.edges.filter((e) => e.zone !== zone).map((e) => e.url);
  }

  /** The API server stopped, the operator and every control-plane replica killed: none comes back before `controlPlaneUp`. */
  async controlPlaneDown(): Promise<void> {
    await this.look();
    this.signalPart('api', 'SIGSTOP');
    for (const { name } of [...this.#operators, ...this.#controlPods]) this.kill(name);
    await until('the control plane is gone', 10_000, async () =>
      (await this.controlPlanesUp()) === 0 ? true : undefined,
    );
  }

  async controlPlaneUp(): Promise<void> {
    this.signalPart('api', 'SIGCONT');
    const replicas = this.#controlPods.length;
    await until('the control plane is back', WHOLE_MS, async () =>
      (await this.controlPlanesUp()) === replicas && this.#operators.every((p) => this.#runs(p.name))
        ? true
        : undefined,
    );
    // Their kubelets were not heard: until the nodes' taints are gone, what comes next is not scheduled.
    await until('the nodes are back', WHOLE_MS, async () => {
      const taints = await kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].spec.taints}'], this.status);
      return taints.trim() === '' || undefined;
    });
    await until('every Cell is Ready', WHOLE_MS, async () => {
      const path = '{.items[*].status.conditions[?(@.type=="Ready")].status}';
      const ready = await kubectl(['get', 'cells', '-n', NAMESPACE, '-o', `jsonpath=${path}`], this.status);
      return ready.split(' ').every((status) => status === 'True') || undefined;
    });
  }

  /** Every operator, the leader among them. Waits until there is one to kill. */
  async killOperator(): Promise<void> {
    await until('the operator runs', 30_000, async () => this.#operators.some((p) => this.#runs(p.name)) || undefined);
    for (const { name } of this.#operators) if (this.#runs(name)) this.kill(name);
  }

  /** Control-plane replicas that are ready. */
  async controlPlanesUp(): Promise<number> {
    const answers = await Promise.all(
      this.#controlPods.map(({ ip }) =>
        fetch(`http://${ip}:${CONTROL_PLANE_PORT}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
          (r) => r.ok,
          () => false,
        ),
      ),
    );
    return answers.filter(Boolean).length;
  }

  #runs(pod: string): boolean {
    return readPodRecords(this.#layout.dir).some(
      (r) => r.pod === pod && Object.values(r.containers).some((c) => startTimeOf(c.pid) === c.startTime),
    );
  }
}
