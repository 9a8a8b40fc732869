/** A whole dataplane in one heap: three zones, channel servers, gateways, users, a store; built and driven by a seed. */
import { numberOf, type TopicId, topicId, userId, workspaceId } from '../../cells/contract/ids.ts';
import { createLogger } from '../../cells/contract/process/log.ts';
import type { Member } from '../../cells/contract/ring-table.ts';
import { slotOf } from '../../cells/contract/slot.ts';
import { ChannelMetrics } from '../channel/metrics.ts';
import type { Plants } from '../channel/plants.ts';
import { ChannelServer } from '../channel/server.ts';
import { TableControl } from '../channel/table-control.ts';
import type { ChannelRow } from '../storage/store.ts';
import { SimNetwork } from './network.ts';
import { SimProcess } from './process.ts';
import { Records } from './records.ts';
import { StandInRingManager } from './ring-manager.ts';
import { Scheduler } from './scheduler.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimGateway, type SimUser } from './sim-gateway.ts';
import { SimStore } from './store.ts';

export const RING = 'sim/main';
export const ZONES = ['zone-a', 'zone-b', 'zone-c'] as const;
const log = createLogger({}, 'silent');

export interface ServerSlot {
  zone: string;
  number: number;
  /** Undefined while it is down. */
  running: { server: ChannelServer; process: SimProcess; member: Member } | undefined;
  starts: number;
}

export interface SimChannel {
  id: TopicId;
  members: SimUser[];
}

export class World {
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly records: Records;
  readonly servers: ServerSlot[] = [];
  readonly gateways: SimGateway[] = [];
  readonly users: SimUser[] = [];
  readonly channels: SimChannel[] = [];
  store!: SimStore;
  manager!: StandInRingManager;
  readonly #plants: Plants;
  readonly #control = new TableControl();

  constructor(seed: string, plants: Plants, trace: boolean) {
    this.random = new SeededRandom(seed);
    this.scheduler = new Scheduler(this.random.fork('scheduler'));
    this.network = new SimNetwork(this.scheduler, this.random.fork('network'));
    this.#plants = plants;
    const slots = new Map<TopicId, number>();
    this.records = new Records({
      now: () => this.scheduler.now,
      slotOf: (topic) => {
        const known = slots.get(topic) ?? slotOf(numberOf(topic));
        slots.set(topic, known);
        return known;
      },
      trace,
    });
  }

  async build(): Promise<void> {
    this.store = await SimStore.open(this.scheduler, this.random.fork('store'), this.records);
    this.manager = new StandInRingManager(this.store.real, RING, this.random.fork('manager'));
    const count = 3 + this.random.below(3);
    for (let number = 0; number < count; number++)
      this.servers.push({ zone: ZONES[number % ZONES.length]!, number, running: undefined, starts: 0 });
    for (const slot of this.servers) await this.startServer(slot);
    await this.#makeUsers();
    for (const zone of ZONES.slice(0, 2)) this.#makeGateway(zone);
  }

  get topics(): TopicId[] {
    return [...this.channels.map((c) => c.id), ...this.users.map((u) => u.id)];
  }
  get live(): Member[] {
    return this.servers.flatMap((s) => s.running?.member ?? []);
  }

  /** The gateways' view of the table, as the control plane pushes it. */
  async pushTable(): Promise<void> {
    const table = await this.store.real.ring.readTable(RING, this.#control.table?.epoch);
    if (table !== undefined) this.#control.update(table);
  }

  async startServer(slot: ServerSlot): Promise<void> {
    const name = `channel-${slot.number}.${slot.starts++}`;
    const process = this.#process(name, slot.zone);
    const row = {
      ...{ incarnation: name, pod: `channel-${slot.number}`, cell: slot.zone, zone: slot.zone, ring: RING, weight: 1 },
      address: `${name}:7000`,
    };
    const { clock, random } = process;
    const server = await ChannelServer.start({
      ...{ store: this.store.for(process), transport: this.network.transport(process), clock, random, log, row },
      ...{ metrics: new ChannelMetrics(), heartbeatMs: 500, missed: 4, plants: this.#plants },
    });
    slot.running = { server, process, member: row };
    this.records.note(`start ${name}`);
  }

  /** SIGKILL: nothing of it runs any more. */
  kill(slot: ServerSlot): void {
    if (slot.running === undefined) return;
    this.records.note(`kill ${slot.running.member.incarnation}`);
    slot.running.process.kill();
    slot.running.server.abort();
    slot.running = undefined;
  }

  #process(name: string, zone: string): SimProcess {
    const random = this.random.fork(name);
    return new SimProcess({ name, zone, skewMs: random.between(-400, 400) }, this.scheduler, random, (p, e) =>
      this.records.crashed(p.name, e),
    );
  }

  #makeGateway(zone: string): void {
    const process = this.#process(`gateway-${zone}`, zone);
    this.gateways.push(
      new SimGateway({
        ...{ process, ring: RING, control: this.#control, transport: this.network.transport(process), log },
        records: this.records,
      }),
    );
  }

  async #makeUsers(): Promise<void> {
    const { directory } = this.store.real;
    for (const [w, workspace] of [workspaceId(71n), workspaceId(72n)].entries())
      for (let i = 0; i < 3; i++) {
        const user: SimUser = { name: `user-${w}-${i}`, id: userId(BigInt(1_000 * (w + 1) + i)), workspace };
        this.users.push(user);
        const row = { id: user.id, workspace, name: user.name, email: undefined, roles: ['member'], deleted: false };
        await directory.provisionUser(row);
      }
    const first = this.random.below(100_000);
    for (let n = 0; n < 4; n++) {
      const ofWorkspace = this.users.filter((u) => u.workspace === this.users[n < 3 ? 0 : 3]!.workspace);
      this.channels.push({ id: topicId('C', BigInt(1_000_000 + first + n)), members: ofWorkspace });
    }
    // Where nobody else writes, a stale owner's numbers meet no others: only the fence is in its way.
    for (const [i, user] of this.users.entries())
      this.channels.push({ id: topicId('C', BigInt(2_000_000 + first + i)), members: [user] });
  }

  rowOf(channel: SimChannel): ChannelRow {
    const [creator] = channel.members;
    return {
      ...{ id: channel.id, workspace: creator!.workspace, name: `c-${channel.id.toLowerCase()}`, isPrivate: true },
      ...{ isArchived: false, creator: creator!.id, created: 1 },
    };
  }
}
