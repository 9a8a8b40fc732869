/** A cell gets another channel server and gateway, and loses them again: slots move by plan, sockets are shed. */
import { until } from '../system/command.ts';
import { kubectl, NAMESPACE } from '../system/install.ts';
import { notingPauses } from './handoff-pauses.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';

const CELL = 'cell-a';
/** As examples/cells.yaml has them, and one more of each. */
const SMALL = { channelServers: 2, gateways: 1 };
const LARGE = { channelServers: 3, gateways: 2 };
const SCALED_MS = 120_000;

async function scaleTo(system: System, size: typeof SMALL): Promise<void> {
  const spec = {
    channelServers: { replicas: size.channelServers },
    gateways: { replicas: size.gateways },
  };
  const patch = ['--type=merge', '-p', JSON.stringify({ spec })];
  await kubectl(['patch', 'cell', CELL, '-n', NAMESPACE, ...patch], system.status);
  await until(
    `${CELL} has ${size.channelServers} channel servers and ${size.gateways} gateways`,
    SCALED_MS,
    async () => {
      const [channel, gateway] = await Promise.all([system.podsOf('channel'), system.podsOf('gateway')]);
      const there = channel.filter((p) => p.cell === CELL).length === size.channelServers;
      return (there && gateway.filter((p) => p.cell === CELL).length === size.gateways) || undefined;
    },
  );
  await system.look();
  await system.whole();
}

const scaled = (from: typeof SMALL, to: typeof SMALL) => async (system: System, round: Round) => {
  if (from !== SMALL) await scaleTo(system, from);
  const before = await system.takeovers();
  try {
    round.fault(`${CELL} is scaled to ${to.channelServers} channel servers and ${to.gateways} gateways`);
    const began = performance.now();
    await notingPauses(system, round, () => scaleTo(system, to));
    round.note('scaled_s', (performance.now() - began) / 1000);
  } finally {
    if (to !== SMALL) await scaleTo(system, SMALL);
  }
  round.figures.takeovers += await system.takeoversSince(before);
};

export const SCALING: readonly Scenario[] = [
  {
    name: 'scale-up',
    promise:
      'A cell gets a channel server and a gateway more: planned handoffs, no takeover, no request fails, nothing is lost.',
    run: scaled(SMALL, LARGE),
  },
  {
    name: 'scale-down',
    promise:
      'A cell loses a channel server and a gateway: planned handoffs, no takeover, clients are shed and resume, no request fails, nothing is lost.',
    run: scaled(LARGE, SMALL),
  },
];
