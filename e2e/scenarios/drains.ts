/** Drains that something comes between. */
import { setTimeout as pause } from 'node:timers/promises';
import { chatctl } from '../system/command.ts';
import { cellFigures } from '../system/figures.ts';
import { leaderZone } from '../system/gray.ts';
import { notingPauses } from './handoff-pauses.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';

const PACE = ['--fast', '--step', '10'];
const WAIT = ['--wait', '--timeout', '180s'];
const REASON = ['--reason', 'scenario'];

async function undrain(system: System, cell: string): Promise<void> {
  await chatctl(['undrain', cell, ...PACE, ...WAIT]);
  await system.whole();
}

async function drainedBy(system: System, round: Round, cell: string, args: readonly string[]): Promise<void> {
  const began = performance.now();
  await chatctl(['drain', cell, ...PACE, ...REASON, ...args, ...WAIT]);
  round.note('drain_s', (performance.now() - began) / 1000);
  const left = (await cellFigures(system.controlPlanes)).find((c) => c.cell === cell);
  round.expect(left?.slots === 0, `${left?.slots} slots are left in ${cell}`);
  round.note('sockets_left', left?.sockets ?? -1);
}

/**
 * Cut off, its servers are dead to the others: their slots are taken over before the drain asks for them. The zone is the
 * leader's, so that another operator has to lead first.
 */
const cutOff = async (system: System, round: Round): Promise<void> => {
  const { zone } = await leaderZone(system.status);
  const lost = (await system.channelServers()).filter((s) => s.zone === zone);
  const { cell } = lost[0]!;
  const before = await system.takeovers();
  round.fault(`${zone} cut off, then chatctl drain ${cell}`);
  try {
    system.isolate(zone);
    round.failed(await system.slotsOf(lost));
    await drainedBy(system, round, cell, ['--force']);
    round.figures.takeovers += await system.takeoversSince(before);
  } finally {
    system.heal(zone);
    await undrain(system, cell);
  }
};

const KILLS = 3;

const leaderKilled = async (system: System, round: Round): Promise<void> => {
  const { cell } = (await system.channelServers())[0]!;
  const before = await system.takeovers();
  round.fault(`chatctl drain ${cell}, the operator killed ${KILLS} times meanwhile`);
  await notingPauses(system, round, async () => {
    await chatctl(['drain', cell, ...PACE, ...REASON]);
    for (let n = 0; n < KILLS; n++) {
      await pause(1_500);
      await system.killOperator();
    }
    await drainedBy(system, round, cell, []);
    await undrain(system, cell);
  });
  round.figures.takeovers += await system.takeoversSince(before);
};

export const DRAINS: readonly Scenario[] = [
  {
    name: 'drain-cut-off',
    promise: 'The zone of the leading operator is cut off and then drained: the drain completes, nothing is lost.',
    requestsMayFail: true,
    run: cutOff,
  },
  {
    name: 'drain-leader-killed',
    promise:
      'The operator is killed three times during a drain: the drain completes, no request fails, nothing is lost.',
    run: leaderKilled,
  },
];
