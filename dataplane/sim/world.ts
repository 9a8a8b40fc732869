/** A whole dataplane in one heap: three zones, servers, clients, a store and a control plane, built by a seed. */
import type { WorkspaceEntry } from '../../cells/contract/control.ts';
import { type TopicId, topicId, userId, workspaceId } from '../../cells/contract/ids.ts';
import type { Member } from '../../cells/contract/ring-table.ts';
import { SLOTS, slotOf } from '../../cells/contract/slot.ts';
import type { Plants } from '../protocol/plants.ts';
import type { ChannelRow } from '../storage/store.ts';
import { ControlPlane } from './control-plane.ts';
import { Device, type SimUser } from './devices.ts';
import { SimEdges } from './edges.ts';
import { Health } from './health.ts';
import { SimNetwork } from './network.ts';
import {
  type ApiNode,
  type ChannelNode,
  type GatewayNode,
  type NodeEnvironment,
  RING,
  startApi,
  startChannelServer,
  startGateway,
} from './nodes.ts';
import { type NodeRole, Place } from './place.ts';
import { SimProcess } from './process.ts';
import { Records } from './records.ts';
import { StandInRingManager } from './ring-manager.ts';
import type { Scale } from './scale.ts';
import { Scheduler } from './scheduler.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimStore } from './store.ts';
import { StoreChecks } from './store-checks.ts';

export const ZONES = ['zone-a', 'zone-b', 'zone-c'] as const;
const EVERYWHERE = '*';

export interface SimChannel {
  id: TopicId;
  isPrivate: boolean;
  members: SimUser[];
}

export class World {
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly records: Records;
  readonly health: Health;
  readonly edges: SimEdges;
  readonly servers: Place<ChannelNode>[] = [];
  readonly gateways: Place<GatewayNode>[] = [];
  readonly apis: Place<ApiNode>[] = [];
  readonly users: SimUser[] = [];
  readonly devices: Device[] = [];
  readonly channels: SimChannel[] = [];
  readonly checks: StoreChecks;
  store!: SimStore;
  control!: ControlPlane;
  readonly #plants: Plants;
  readonly #slots = new Map<TopicId, number>();
  /** Troubles of all servers of a zone, or of everybody, each with how to end it. */
  readonly #troubles = new Map<string, (() => void)[]>();
  #nodes!: NodeEnvironment;

  constructor(seed: string, plants: Plants, trace: boolean) {
    this.random = new SeededRandom(seed);
    this.scheduler = new Scheduler(this.random.fork('scheduler'));
    this.network = new SimNetwork(this.scheduler, this.random.fork('network'));
    this.#plants = plants;
    const now = (): number => this.scheduler.now;
    this.records = new Records({ now, trace });
    this.health = new Health(now);
    this.checks = new StoreChecks({
      now,
      slotOf: (topic) => this.#slotOf(topic),
      health: this.health,
      note: (line) => this.records.note(line),
      violate: (rule, message) => this.records.violate(rule, message),
    });
    this.edges = new SimEdges({
      ...{ scheduler: this.scheduler, network: this.network, random: this.random.fork('edges') },
      gateways: () => running(this.gateways),
      apis: () => running(this.apis),
    });
  }

  /** Not a client yet: they come once there is something to come to. */
  async build(scale: Scale): Promise<void> {
    const { scheduler, random, records, network, edges } = this;
    this.store = await SimStore.open(scheduler, random.fork('store'), this.checks);
    const workspaces = [71n, 72n].map(workspaceEntry);
    await this.#makePeople(workspaces, scale);
    this.#makeChannels(workspaces, scale);
    this.#makeDevices(workspaces, scale);
    const onFrame = (process: SimProcess, frame: Uint8Array): void => this.checks.sent(process.name, frame);
    this.#nodes = { store: this.store, network, plants: this.#plants, workspaces, onFrame };
    const slots = scale.allSlots ? Array.from({ length: SLOTS }, (_, slot) => slot) : this.#fewSlots();
    this.control = new ControlPlane({
      ...{ scheduler, random: random.fork('control'), store: this.store, edges, zones: ZONES },
      manager: new StandInRingManager(this.store, RING, slots, random.fork('manager')),
      live: () => this.live,
      listeners: () => [...running(this.gateways), ...running(this.apis)],
    });
    for (let n = 0; n < scale.servers; n++) await this.addServer().start();
    for (let n = 0; n < scale.gateways; n++) await this.addGateway().start();
    for (let n = 0; n < scale.apis; n++) await this.addApi().start();
    records.note(`world ${JSON.stringify(scale)}`);
    this.control.start();
  }

  get topics(): TopicId[] {
    return [
      ...this.channels.map((c) => c.id),
      ...this.users.map((u) => u.id),
      ...new Set(this.users.map((u) => u.workspace)),
    ];
  }
  get live(): Member[] {
    return this.servers.flatMap((s) => (s.running !== undefined && !s.leaving ? s.running.member : []));
  }

  addServer(): Place<ChannelNode> {
    return this.#add(this.servers, 'channel', (process) => {
      for (const among of [process.zone, EVERYWHERE])
        this.#troubles.get(among)?.push(this.health.trouble(process.name));
      return startChannelServer(this.#nodes, process);
    });
  }
  addGateway(): Place<GatewayNode> {
    return this.#add(this.gateways, 'gateway', (process) => startGateway(this.#nodes, process));
  }
  addApi(): Place<ApiNode> {
    return this.#add(this.apis, 'api', (process) => startApi(this.#nodes, process));
  }

  #add<N extends { process: SimProcess }>(
    places: Place<N>[],
    role: NodeRole,
    begin: (process: SimProcess) => N | Promise<N>,
  ): Place<N> {
    const at = { name: `${role}-${places.length}`, zone: ZONES[places.length % ZONES.length]! };
    const place = new Place<N>(at, (name, zone) => {
      this.records.note(`start ${name}`);
      return begin(this.#process(name, zone, 400));
    });
    places.push(place);
    return place;
  }

  /** SIGKILL: nothing of it runs any more. */
  kill(place: Place): void {
    if (place.running === undefined) return;
    const { process } = place.running;
    this.records.note(`kill ${process.name}`);
    this.health.trouble(process.name);
    process.kill();
    place.running = undefined;
  }

  /** SIGSTOP; returns SIGCONT. */
  stop(process: SimProcess): () => void {
    this.records.note(`stop ${process.name}`);
    const over = this.health.trouble(process.name);
    process.stop();
    return () => {
      if (process.stopped) this.records.note(`continue ${process.name}`);
      over();
      process.continue();
    };
  }

  /** Nobody of the zone reaches the store. */
  cutStore(zone: string, cut: boolean): void {
    this.store.setCut(zone, cut);
    this.#trouble(zone, cut);
  }

  /** Each call of anybody is lost with this probability: that may hit one server's beats four times in a row. */
  loseStoreCalls(rate: number): void {
    this.store.lossRate = rate;
    this.#trouble(EVERYWHERE, rate > 0);
  }

  #trouble(among: string, begins: boolean): void {
    for (const over of this.#troubles.get(among) ?? []) over();
    this.#troubles.delete(among);
    if (!begins) return;
    const there = this.servers.filter((s) => s.zone === among || among === EVERYWHERE);
    this.#troubles.set(
      among,
      running(there).map(({ process }) => this.health.trouble(process.name)),
    );
  }

  /** Ends every fault of the network and the store. */
  heal(): void {
    for (const zone of ZONES) this.cutStore(zone, false);
    this.loseStoreCalls(0);
    this.network.healAll();
    this.store.healAll();
    this.control.heal();
  }

  rowOf(channel: SimChannel): ChannelRow {
    const [creator] = channel.members;
    const { id, isPrivate } = channel;
    return {
      ...{ id, workspace: creator!.workspace, name: `c-${id.toLowerCase()}`, isPrivate },
      ...{ isArchived: false, creator: creator!.id, created: 1 },
    };
  }

  /** Ids that belong to other workspaces than this one. */
  foreignTo(workspace: string): string[] {
    const users = this.users.filter((u) => u.workspace !== workspace);
    const channels = this.channels.filter((c) => c.members[0]!.workspace !== workspace);
    return [...new Set([...users.flatMap((u) => [u.id, u.workspace]), ...channels.map((c) => c.id)])];
  }

  /** A process outside of every zone, with a network of its own. */
  outside(name: string, zone: string): SimProcess {
    return this.#process(name, zone, 1_000);
  }

  #process(name: string, zone: string, maxSkewMs: number): SimProcess {
    const random = this.random.fork(name);
    const skewMs = random.between(-maxSkewMs, maxSkewMs);
    return new SimProcess({ name, zone, skewMs }, this.scheduler, random, (p, e) => this.records.crashed(p.name, e));
  }

  #slotOf(topic: TopicId): number {
    const known = this.#slots.get(topic) ?? slotOf(topic);
    this.#slots.set(topic, known);
    return known;
  }

  /** Those of the topics, and some that hold nothing. */
  #fewSlots(): number[] {
    const used = this.topics.map((topic) => this.#slotOf(topic));
    const idle = Array.from({ length: 24 }, () => this.random.below(SLOTS));
    return [...new Set([...used, ...idle])].sort((a, b) => a - b);
  }

  async #makePeople(workspaces: readonly WorkspaceEntry[], scale: Scale): Promise<void> {
    for (const [w, { id: workspace }] of workspaces.entries())
      for (let i = 0; i < scale.usersPerWorkspace; i++) {
        const user = { name: `user-${w}-${i}`, id: userId(BigInt(1_000 * (w + 1) + i)), workspace };
        this.users.push(user);
        const row = { ...user, email: undefined, roles: ['member'], deleted: false };
        await this.store.real.directory.provisionUser(row);
      }
  }

  #makeChannels(workspaces: readonly WorkspaceEntry[], scale: Scale): void {
    const first = this.random.below(100_000);
    const make = (n: number, members: SimUser[], isPrivate: boolean): void => {
      this.channels.push({ id: topicId('C', BigInt(1_000_000 + first + n)), members, isPrivate });
    };
    for (let n = 0; n < scale.channels; n++)
      for (const { id } of workspaces)
        make(
          this.channels.length,
          this.users.filter((u) => u.workspace === id),
          n % 2 === 1,
        );
    // Where nobody else writes, a stale owner's numbers meet no others: only the fence is in its way.
    for (const user of this.users.filter((_, i) => i % 2 === 0)) make(this.channels.length, [user], true);
  }

  #makeDevices(workspaces: readonly WorkspaceEntry[], scale: Scale): void {
    const { edges, records } = this;
    const foreign = new Map(workspaces.map(({ id }) => [id, this.foreignTo(id)]));
    const add = (user: SimUser, n: number): void => {
      const name = `${user.name}-${n}`;
      const home = this.devices.length % ZONES.length;
      this.devices.push(
        new Device(name, user, {
          ...{ edges, records, plants: this.#plants, foreign: foreign.get(user.workspace)! },
          zones: [...ZONES.slice(home), ...ZONES.slice(0, home)],
          process: (clientName) => this.outside(clientName, name),
        }),
      );
    };
    for (const user of this.users) add(user, 0);
    // Some people have two.
    for (const user of this.users.slice(0, scale.secondDevices)) add(user, 1);
  }
}

const running = <N extends { process: SimProcess }>(places: readonly Place<N>[]): N[] =>
  places.flatMap((p) => p.running ?? []);

const workspaceEntry = (n: bigint): WorkspaceEntry => ({
  ...{ id: workspaceId(n), name: `sim/w${n}`, displayName: `W${n}`, ring: RING, suspended: false, keys: [] },
  limits: { connections: 1_000, postsPerSecond: 1_000 },
  generation: 1,
});
