/** One seeded run: users post while faults come and go; then everything heals, and all must come to rest. */
import type { TopicId } from '../../cells/contract/ids.ts';
import type { Plants } from '../channel/plants.ts';
import type { Violation } from './records.ts';
import type { SimGateway, SimUser } from './sim-gateway.ts';
import { RING, type ServerSlot, World, ZONES } from './world.ts';

const WARM_UP_MS = 3_000;
const FAULTS_MS = 12_000;
/** Longer than any time-out and take-over in a row. */
const REST_MS = 60_000;

export interface RunResult {
  seed: string;
  violations: readonly Violation[];
  acknowledged: number;
  delivered: number;
  hash: string;
  trace: readonly string[];
}

export async function runSeed(seed: string, plants: Plants, trace = false): Promise<RunResult> {
  const world = new World(seed, plants, trace);
  await world.build();
  const scenario = new Scenario(world);
  await scenario.run();
  const { verdict, hash } = await world.records.judge(world.store.real, world.topics);
  return {
    seed,
    violations: world.records.violations,
    acknowledged: verdict.acknowledged,
    delivered: verdict.delivered,
    hash,
    trace: world.records.trace,
  };
}

class Scenario {
  readonly #w: World;
  #posting = true;
  #posts = 0;
  #moveShare = 0;
  #faulty = true;
  #managing = false;
  #controlIsDown = false;
  #kicked: { user: SimUser; topic: TopicId } | undefined;

  constructor(world: World) {
    this.#w = world;
  }

  async run(): Promise<void> {
    const { scheduler, gateways, records } = this.#w;
    this.#manage();
    await scheduler.run(WARM_UP_MS / 2);
    this.#openChannels();
    await scheduler.run(WARM_UP_MS);
    for (const user of this.#w.users) this.#postSoon(user);
    this.#trespass();
    this.#kickSomeone();
    this.#nextFault();
    await scheduler.run(WARM_UP_MS + FAULTS_MS);
    this.#posting = false;
    this.#faulty = false;
    this.#heal();
    await scheduler.run(WARM_UP_MS + FAULTS_MS + REST_MS, () => gateways.every((g) => g.pending === 0));
    const waiting = gateways.reduce((sum, g) => sum + g.pending, 0);
    if (waiting > 0)
      records.violate('everything is acknowledged once faults have healed', `${waiting} posts wait without end`);
    await scheduler.run(scheduler.now + 8_000);
    for (const user of this.#w.users) records.record(user.name, { kind: 'end', settled: true });
  }

  /** The ring manager's rounds and the table's way to the gateways, outside of every process. */
  #manage(): void {
    this.#w.scheduler.after(250, () => {
      this.#manage();
      if (this.#managing) return;
      this.#managing = true;
      const share = this.#moveShare;
      this.#moveShare = 0;
      this.#w.manager
        .round(this.#w.live, share)
        .then(() => (this.#controlIsDown ? undefined : this.#w.pushTable()))
        .finally(() => {
          this.#managing = false;
        });
    });
  }

  #openChannels(): void {
    for (const user of this.#w.users) this.#gatewayOf(user).open(user);
    for (const channel of this.#w.channels) {
      const [creator, ...others] = channel.members;
      const gateway = this.#gatewayOf(creator!);
      const actor = { workspace: creator!.workspace, user: creator!.id, roles: ['member'] };
      const args = { channel: this.#w.rowOf(channel), members: others.map((u) => u.id) };
      void gateway
        .call({ ring: RING, topic: channel.id, op: 'create', args, actor, timeoutMs: 60_000 })
        .then(() => Promise.all(channel.members.map((u) => this.#subscribeMember(u, channel.id))))
        .catch((e: unknown) => this.#w.records.violate('channels can be made', String(e)));
    }
    for (const user of this.#w.users) void this.#subscribeMember(user, user.id);
  }

  async #subscribeMember(user: SimUser, topic: TopicId): Promise<void> {
    const outcome = await this.#gatewayOf(user).subscribe(user, topic);
    if (outcome === 'refused' && !this.#isKicked(user, topic))
      this.#w.records.violate('a member is let in', `${user.name} was refused ${topic}`);
  }

  /** From the moment the kick was asked for: whatever comes first is right. */
  #isKicked(user: SimUser, topic: TopicId): boolean {
    return this.#kicked?.user === user && this.#kicked.topic === topic;
  }

  async #post(user: SimUser, topic: TopicId, key: string): Promise<void> {
    const refused = await this.#gatewayOf(user).post(user, topic, key);
    if (refused !== undefined && !this.#isKicked(user, topic))
      this.#w.records.violate('a member may post', `${user.name}'s ${key} in ${topic} was refused: ${refused}`);
  }

  #gatewayOf(user: SimUser): SimGateway {
    return this.#w.gateways[this.#w.users.indexOf(user) % this.#w.gateways.length]!;
  }

  #postSoon(user: SimUser): void {
    const { scheduler, random, channels } = this.#w;
    scheduler.after(random.between(50, 600), () => {
      if (!this.#posting) return;
      const mine = channels.filter((c) => c.members.includes(user));
      void this.#post(user, random.pick(mine).id, `key-${this.#posts++}`);
      this.#postSoon(user);
    });
  }

  /** A user of one workspace asks for a channel of the other: as if it did not exist. */
  #trespass(): void {
    const { records, channels, users } = this.#w;
    const stranger = users[3]!;
    void this.#gatewayOf(stranger)
      .subscribe(stranger, channels[0]!.id)
      .then((outcome) => {
        if (outcome === 'in') records.violate('tenants are apart', `${stranger.name} was let into ${channels[0]!.id}`);
      });
  }

  #kickSomeone(): void {
    const { scheduler, random, channels } = this.#w;
    scheduler.after(random.between(500, FAULTS_MS - 2_000), () => {
      const { id, members } = channels[1]!;
      this.#kicked = { user: members[2]!, topic: id };
      void this.#gatewayOf(members[0]!)
        .kick(members[0]!, id, members[2]!)
        .then((refused) => {
          if (refused !== undefined) this.#w.records.violate('a kick is done', `refused: ${refused}`);
        });
    });
  }

  #nextFault(): void {
    const { scheduler, random } = this.#w;
    scheduler.after(random.between(300, 2_500), () => {
      if (!this.#faulty) return;
      this.#fault();
      this.#nextFault();
    });
  }

  #fault(): void {
    const { random, network, store, records, servers } = this.#w;
    const server = random.pick(servers);
    const lasts = random.between(200, 7_000);
    const zone = random.pick(ZONES);
    const other = random.pick(ZONES);
    const fault = random.pick([
      'kill',
      'stop',
      'leave',
      'move',
      'move',
      'cut',
      'cut-store',
      'store-down',
      'lossy',
      'reset',
      'island',
      'island',
    ] as const);
    records.note(`fault ${fault} ${server.number} ${zone} ${other}`);
    switch (fault) {
      case 'kill':
        this.#killed(server, lasts);
        return;
      case 'stop':
        this.#stopped(server, lasts);
        return;
      case 'leave':
        this.#left(server, lasts);
        return;
      case 'move':
        this.#moveShare = random.between(0.05, 0.9);
        return;
      case 'cut':
        network.setCut(zone, other, true);
        this.#later(lasts, () => network.setCut(zone, other, false));
        return;
      case 'cut-store':
        store.setCut(zone, true);
        this.#later(lasts, () => store.setCut(zone, false));
        return;
      case 'store-down':
        store.setDown(true);
        this.#later(Math.min(lasts, 3_000), () => store.setDown(false));
        return;
      case 'lossy':
        store.lossRate = random.between(0.02, 0.2);
        this.#later(lasts, () => {
          store.lossRate = 0;
        });
        return;
      case 'island':
        this.#island(random.pick(ZONES.slice(0, 2)), random.between(2_500, 6_000));
        return;
      case 'reset':
        network.resetOneLink();
    }
  }

  /**
   * A zone that sees neither the other zones nor the store, and that no control plane tells of new owners: its gateway
   * talks to owners that have been replaced. The store comes back first.
   */
  #island(zone: string, lasts: number): void {
    const { network, store } = this.#w;
    for (const other of ZONES) if (other !== zone) network.setCut(zone, other, true);
    store.setCut(zone, true);
    this.#controlIsDown = true;
    this.#later(lasts, () => store.setCut(zone, false));
    this.#later(lasts + 2_000, () => {
      for (const other of ZONES) network.setCut(zone, other, false);
      this.#controlIsDown = false;
    });
  }

  #killed(server: ServerSlot, downMs: number): void {
    this.#w.kill(server);
    this.#later(downMs, () => this.#start(server));
  }

  #stopped(server: ServerSlot, lasts: number): void {
    const process = server.running?.process;
    process?.stop();
    this.#later(lasts, () => process?.continue());
  }

  #left(server: ServerSlot, downMs: number): void {
    const { running } = server;
    if (running === undefined) return;
    void running.server.close(5_000).then(() => {
      if (server.running !== running) return;
      running.process.kill();
      server.running = undefined;
      this.#later(downMs, () => this.#start(server));
    });
  }

  #start(server: ServerSlot): void {
    if (server.running !== undefined) return;
    this.#w.startServer(server).catch((e: unknown) => this.#w.records.violate('a server starts', String(e)));
  }

  #later(ms: number, fn: () => void): void {
    this.#w.scheduler.after(ms, fn);
  }

  #heal(): void {
    const { network, store, servers, records } = this.#w;
    records.note('heal');
    this.#controlIsDown = false;
    network.healAll();
    store.healAll();
    for (const server of servers) {
      if (server.running?.process.stopped) server.running.process.continue();
      this.#start(server); // not awaited: it may need virtual time, which stands still here
    }
  }
}
