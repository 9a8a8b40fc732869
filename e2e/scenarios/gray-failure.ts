/**
 * Gray failures: links that lose packets while every health check passes, at the window that production has. What is
 * measured is how long it takes until it is noticed, and until the traffic is elsewhere, without a hand on it.
 */

import { chatctl, until } from '../system/command.ts';
import { zonePairs } from '../system/figures.ts';
import { cellNow, eventReasons, gray, leaderZone, patchCell, setOperator, untilNoneIsSuspect } from '../system/gray.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';

/** Percent of the packets of a link. CHATCELLS_LOSS for another. */
const LOSS = Number(process.env.CHATCELLS_LOSS ?? 30);
/** The window of two minutes, two buckets, and what one look of the operator and one at it take. */
const NOTICED_S = 120 + 20 + 10;
const NOTICE_MS = 300_000;
const DRAIN_MS = 240_000;
/** A drain as a person would have it in an emergency; the default would take 200 s. */
const PACE = { stepPercent: 10, stepInterval: '500ms' };
/** 5 min in production: only how long the next round waits until the zone counts as well, nothing that is judged. */
const CLEAR_AFTER = '1m';
const CELLS = ['cell-a', 'cell-b', 'cell-c'];

const secondsSince = (at: number): number => Math.round((performance.now() - at) / 100) / 10;

const clearSoon = (system: System): Promise<void> =>
  setOperator(system.status, { GRAY_FAILURE_CLEAR_AFTER: CLEAR_AFTER });

/** Makes a zone's links to the other zones lossy, waits for the verdict, and heals them whatever happens. */
async function lossy(system: System, round: Round, cell: string, act: (began: number) => Promise<void>): Promise<void> {
  await untilNoneIsSuspect(system.status, CELLS);
  const { zone } = await cellNow(system.status, cell);
  round.fault(`${zone} loses ${LOSS} % of the packets of its links to the other zones`);
  const began = performance.now();
  system.thin(zone, LOSS);
  try {
    const noticed = await until(`the Cell of ${zone} says GrayFailure`, NOTICE_MS, async () => {
      const condition = gray(await cellNow(system.status, cell));
      return condition?.status === 'True' ? condition : undefined;
    });
    const seconds = secondsSince(began);
    round.note('noticed_s', seconds);
    round.say(`noticed after ${seconds} s (${noticed.reason}): ${noticed.message}`);
    round.expect(seconds <= NOTICED_S, `it was noticed after ${seconds} s, more than ${NOTICED_S} s`);
    for (const other of CELLS.filter((c) => c !== cell))
      round.expect(gray(await cellNow(system.status, other))?.status !== 'True', `${other} is suspect too`);
    await act(began);
  } finally {
    system.thin(zone, 0);
  }
}

const auto = async (system: System, round: Round): Promise<void> => {
  await clearSoon(system);
  // The hardest case: the leader itself is behind the bad links.
  const leader = await leaderZone(system.status);
  const cell = `cell-${leader.zone.slice(-1)}`;
  round.say(`the leader ${leader.holder} is in ${leader.zone}`);
  const before = await system.takeovers();
  await patchCell(system.status, cell, { drain: { mode: 'Auto', ...PACE } });
  try {
    await lossy(system, round, cell, async (began) => {
      let slotsLeftAtFirstStep: number | undefined;
      await until(`${cell} has drained itself`, DRAIN_MS, async () => {
        const now = await cellNow(system.status, cell);
        const { slots } = await system.cell(cell);
        if (now.weight < 100) slotsLeftAtFirstStep ??= slots;
        return now.phase === 'Drained' || undefined;
      });
      round.note('drained_s', secondsSince(began));
      const { initiator } = await cellNow(system.status, cell);
      round.expect(initiator === 'GrayFailure', `it was drained by ${initiator ?? 'a person'}`);
      round.note('slots_at_first_step', slotsLeftAtFirstStep ?? -1);
      round.expect(
        (slotsLeftAtFirstStep ?? 0) < 100,
        `${slotsLeftAtFirstStep} slots were left when the weight began to fall`,
      );
      const next = await until('another zone leads', 60_000, async () => {
        const now = await leaderZone(system.status);
        return now.zone !== leader.zone ? now : undefined;
      });
      round.note('leader_moved_s', secondsSince(began));
      round.say(`drained; ${next.holder} in ${next.zone} leads now`);
      const { sockets, slots } = await system.cell(cell);
      round.note('sockets_left', sockets);
      round.note('slots_left', slots);
      round.expect(sockets === 0 && slots === 0, `${sockets} sockets and ${slots} slots are left`);
    });
    round.figures.takeovers += await system.takeoversSince(before);
  } finally {
    await patchCell(system.status, cell, { drain: { mode: 'Manual' } });
    await chatctl(['undrain', cell, '--fast', '--step', '10', '--wait', '--timeout', '180s']);
  }
  await system.look();
  await system.whole();
};

const manual = async (system: System, round: Round): Promise<void> => {
  const cell = 'cell-b';
  await clearSoon(system);
  const before = await zonePairs(system.controlPlanes);
  await lossy(system, round, cell, async () => {
    const now = await cellNow(system.status, cell);
    round.expect(gray(now)?.reason === 'Manual', `the condition's reason is ${gray(now)?.reason}`);
    round.expect(now.weight === 100 && now.phase === 'None', `the weight is ${now.weight}, the phase ${now.phase}`);
    const reasons = await eventReasons(system.status, cell);
    round.expect(reasons.includes('GrayFailureManual'), `its Events are ${reasons.join(', ')}`);
    // The expression of the alert ChatcellsZoneErrors, over the time of the fault.
    const after = await zonePairs(system.controlPlanes);
    const rates = ['owner', 'fanout'].map((hop) => rateOf(before, after, `${hop} ${now.zone}`));
    round.note('alert_owner_percent', 100 * rates[0]!);
    round.note('alert_fanout_percent', 100 * rates[1]!);
    round.expect(Math.max(...rates) > 0.05, `the alert's rates are ${rates.join(' and ')}: it does not fire`);
  });
  await system.whole();
};

type Totals = ReadonlyMap<string, { requests: number; errors: number }>;
function rateOf(before: Totals, after: Totals, key: string): number {
  const [was, is] = [before.get(key) ?? { requests: 0, errors: 0 }, after.get(key) ?? { requests: 0, errors: 0 }];
  return (is.errors - was.errors) / Math.max(1, is.requests - was.requests);
}

const promised = (rest: string): string =>
  `The links of a zone lose ${LOSS} % of their packets, and its health checks pass: ${rest}`;

export const GRAY_FAILURES: readonly Scenario[] = [
  {
    name: 'gray-lossy-auto',
    promise: promised(
      'it is found within 2 min and two buckets, its Cell (Auto) drains itself, slots first; the leader in it gives up; nothing is lost, doubled or out of order.',
    ),
    requestsMayFail: true,
    run: auto,
  },
  {
    name: 'gray-lossy-manual',
    promise: promised(
      'its Cell (Manual) gets condition, Event and alert within 2 min and two buckets, and keeps its traffic.',
    ),
    requestsMayFail: true,
    run: manual,
  },
];
