/** Everything that can go wrong. Each kind happens once per call, for `lastsMs`, and undoes itself. */
import type { Faults } from './faults.ts';
import { ZONES } from './world.ts';

/** Time between two steps of a drain by weights. */
const DRAIN_STEP_MS = 300;
const DRAIN_STEPS = [75, 50, 25, 0];

export const FAULTS = {
  // channel servers
  crash: (f: Faults, lastsMs: number): void => f.crash(f.world.servers, lastsMs),
  freeze: (f: Faults, lastsMs: number): void => f.freeze(f.world.servers, lastsMs),
  leave: (f: Faults, lastsMs: number): void => f.leaveServer(f.random.pick(f.world.servers), lastsMs),
  scaleUp: (f: Faults, _lastsMs: number): void => {
    if (f.world.servers.length < 7) void f.world.addServer().start();
  },
  scaleDown: (f: Faults, _lastsMs: number): void => {
    if (f.world.live.length > 2) f.leaveServer(f.random.pick(f.world.servers), undefined);
  },
  move: (f: Faults, _lastsMs: number): void => {
    f.world.control.moveShare = f.random.between(0.05, 0.9);
  },
  clockStep: (f: Faults, lastsMs: number): void => {
    const { servers, gateways, apis } = f.world;
    const process = f.random.pick([...servers, ...gateways, ...apis]).running?.process;
    process?.setSkew(f.random.between(-15_000, 15_000));
    f.later(lastsMs, () => process?.setSkew(0));
  },

  // gateways, API servers
  gatewayCrash: (f: Faults, lastsMs: number): void => f.crash(f.world.gateways, lastsMs),
  gatewayFreeze: (f: Faults, lastsMs: number): void => f.freeze(f.world.gateways, lastsMs),
  gatewayLeave: (f: Faults, lastsMs: number): void => f.leaveGateway(f.random.pick(f.world.gateways), lastsMs),
  gatewayScaleUp: (f: Faults, _lastsMs: number): void => {
    if (f.world.gateways.length < 4) void f.world.addGateway().start();
  },
  apiCrash: (f: Faults, lastsMs: number): void => f.crash(f.world.apis, lastsMs),
  apiFreeze: (f: Faults, lastsMs: number): void => f.freeze(f.world.apis, lastsMs),

  // a cell is drained, slots first and by weights, and comes back
  drain: (f: Faults, lastsMs: number): void => {
    const { control } = f.world;
    const [cell] = f.zones();
    const slotsFirst = f.random.chance(0.7);
    if (slotsFirst) control.drained.add(cell);
    const begin = slotsFirst ? 1_000 : 0;
    for (const [step, weight] of DRAIN_STEPS.entries())
      f.later(begin + step * DRAIN_STEP_MS, () => control.drain(cell, weight, DRAIN_STEP_MS));
    f.later(begin + DRAIN_STEPS.length * DRAIN_STEP_MS + lastsMs, () => {
      control.drained.delete(cell);
      control.drain(cell, 100, 0);
    });
  },
  controlDown: (f: Faults, lastsMs: number): void => {
    f.world.control.down = true;
    f.later(lastsMs, () => {
      f.world.control.down = false;
    });
  },

  // the network
  cut: (f: Faults, lastsMs: number): void => {
    const [a, b] = f.zones();
    f.world.network.setCut(a, b, true);
    f.later(lastsMs, () => f.world.network.setCut(a, b, false));
  },
  cutOneWay: (f: Faults, lastsMs: number): void => {
    const [a, b] = f.zones();
    f.world.network.setCutOneWay(a, b, true);
    f.later(lastsMs, () => f.world.network.setCutOneWay(a, b, false));
  },
  badLine: (f: Faults, lastsMs: number): void => {
    const [a, b] = f.zones();
    f.world.network.setBad(a, b, { slowness: f.random.between(2, 60), loss: f.random.between(0, 0.3) });
    f.later(lastsMs, () => f.world.network.setBad(a, b, undefined));
  },
  reset: (f: Faults, _lastsMs: number): void => f.world.network.resetOneLink(),
  /**
   * A zone that sees neither the other zones nor the store, and whose control plane is mute: its gateway talks to
   * owners that have been replaced. The store comes back first.
   */
  island: (f: Faults, lastsMs: number): void => {
    const { network, control } = f.world;
    const zone = f.random.pick(ZONES.slice(0, 2));
    const others = ZONES.filter((other) => other !== zone);
    for (const other of others) network.setCut(zone, other, true);
    f.world.cutStore(zone, true);
    control.mute.add(zone);
    f.later(2_500 + lastsMs / 2, () => f.world.cutStore(zone, false));
    f.later(4_500 + lastsMs / 2, () => {
      for (const other of others) network.setCut(zone, other, false);
      control.mute.delete(zone);
    });
  },

  // the store
  cutStore: (f: Faults, lastsMs: number): void => {
    const [zone] = f.zones();
    f.world.cutStore(zone, true);
    f.later(lastsMs, () => f.world.cutStore(zone, false));
  },
  storeDown: (f: Faults, lastsMs: number): void => {
    f.world.store.setDown(true);
    f.later(lastsMs, () => f.world.store.setDown(false));
  },
  storeSlow: (f: Faults, lastsMs: number): void => {
    const { store } = f.world;
    store.slowness = f.random.between(5, 200);
    f.later(lastsMs, () => {
      store.slowness = 1;
    });
  },
  storeLossy: (f: Faults, lastsMs: number): void => {
    f.world.loseStoreCalls(f.random.between(0.02, 0.2));
    f.later(lastsMs, () => f.world.loseStoreCalls(0));
  },

  // people
  offline: (f: Faults, lastsMs: number): void => {
    const { name } = f.random.pick(f.world.devices);
    const cut = (is: boolean): void => {
      for (const zone of ZONES) f.world.network.setCut(name, zone, is);
    };
    cut(true);
    f.later(2 * lastsMs, () => cut(false));
  },
  edgeCut: (f: Faults, lastsMs: number): void => {
    const { name } = f.random.pick(f.world.devices);
    const [zone] = f.zones();
    f.world.network.setCut(name, zone, true);
    f.later(lastsMs, () => f.world.network.setCut(name, zone, false));
  },
  clientFreeze: (f: Faults, lastsMs: number): void => {
    const { process } = f.random.pick(f.world.devices);
    process.stop();
    f.later(lastsMs, () => process.continue());
  },
  clientRestart: (f: Faults, lastsMs: number): void => f.restartDevice(f.random.pick(f.world.devices), lastsMs),
  /** What the user has in hand is no resume token any more: the next session is a fresh one. */
  revoke: (f: Faults, _lastsMs: number): void => {
    const { user, process } = f.random.pick(f.world.devices);
    void f.world.store.real.leases.revokeSessions(user.workspace, user.id, process.clock.wallMs() + 500);
  },
} as const;

export type Fault = keyof typeof FAULTS;
