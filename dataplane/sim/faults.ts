/** When what goes wrong: the seed chooses a few kinds, and then one of them again and again until it is over. */
import type { Device } from './devices.ts';
import { FAULTS, type Fault } from './fault-kinds.ts';
import type { ChannelNode, GatewayNode } from './nodes.ts';
import type { Place } from './place.ts';
import type { SeededRandom } from './seeded-random.ts';
import { type World, ZONES } from './world.ts';

const HANDOVER_MS = 5_000;
/** One run in ten has no trouble but with the store: then nobody's death is an excuse for a takeover. */
const STORE_ONLY: readonly Fault[] = ['storeDown', 'storeSlow', 'offline', 'controlDown'];

export class Faults {
  readonly world: World;
  readonly random: SeededRandom;
  readonly #kinds: readonly Fault[];
  readonly #down = new Set<Device>();
  #on = true;

  constructor(world: World) {
    this.world = world;
    this.random = world.random.fork('faults');
    this.#kinds = this.#choose();
  }

  /** A run of few kinds comes to combinations that one of all kinds hardly ever reaches. */
  #choose(): readonly Fault[] {
    if (this.random.chance(0.1)) return STORE_ONLY;
    const all = Object.keys(FAULTS) as Fault[];
    return Array.from({ length: 2 + this.random.below(6) }, () => this.random.pick(all));
  }

  start(): void {
    this.world.records.note(`faults ${this.#kinds.join()}`);
    this.#next();
  }

  /** Everything that was done is undone, and no more is done. */
  end(): void {
    this.#on = false;
    const { servers, gateways, apis, records, devices } = this.world;
    records.note('heal');
    this.world.heal();
    const places: readonly Place[] = [...servers, ...gateways, ...apis];
    for (const { running, leaving } of places) {
      running?.process.setSkew(0);
      if (!leaving || running !== undefined) running?.process.continue();
    }
    for (const { process } of devices) process.continue();
    for (const device of this.#down) device.start();
    // Not awaited: it may need virtual time, which stands still here.
    for (const place of places) if (!place.leaving) void place.start();
  }

  #next(): void {
    this.world.scheduler.after(this.random.between(200, 2_000), () => {
      if (!this.#on) return;
      const fault = this.random.pick(this.#kinds);
      const lastsMs = this.random.between(200, 6_000);
      this.world.records.note(`fault ${fault} for ${lastsMs.toFixed(0)}`);
      FAULTS[fault](this, lastsMs);
      this.#next();
    });
  }

  /** The end of a fault: left out when the run's own end has come before. */
  later(ms: number, fn: () => void): void {
    this.world.scheduler.after(ms, () => {
      if (this.#on) fn();
    });
  }

  zones(): [string, string] {
    return [this.random.pick(ZONES), this.random.pick(ZONES)];
  }

  /** Killed, and up again later as another process. */
  crash(places: readonly Place[], downMs: number): void {
    const place = this.random.pick(places);
    if (place.leaving) return;
    this.world.kill(place);
    this.later(downMs, () => void place.start());
  }

  freeze(places: readonly Place[], lastsMs: number): void {
    const { running } = this.random.pick(places);
    if (running !== undefined) this.later(lastsMs, this.world.stop(running.process));
  }

  leaveServer(place: Place<ChannelNode>, downMs: number | undefined): void {
    this.#leave(place, () => place.running!.server.close(HANDOVER_MS), downMs);
  }
  leaveGateway(place: Place<GatewayNode>, downMs: number | undefined): void {
    this.#leave(place, () => place.running!.gateway.close(), downMs);
  }

  /** Ended by plan; up again after `downMs`, or never. */
  #leave(place: Place, close: () => Promise<void>, downMs: number | undefined): void {
    const { running } = place;
    if (running === undefined || place.leaving || running.process.stopped) return;
    this.world.records.note(`leave ${running.process.name}`);
    this.world.health.trouble(running.process.name);
    place.leaving = true;
    void close().then(() => {
      running.process.kill();
      place.running = undefined;
      if (downMs !== undefined) this.world.scheduler.after(this.#on ? downMs : 0, () => void place.start());
    });
  }

  restartDevice(device: Device, downMs: number): void {
    if (this.#down.has(device)) return;
    device.kill();
    this.#down.add(device);
    this.later(downMs, () => {
      this.#down.delete(device);
      device.start();
    });
  }
}
