/** The drain of a cell that holds many sockets, at the default pace and fast. */
import { Crowd } from '../load/crowd-process.ts';
import { createTenant } from '../load/tenants.ts';
import { chatctl, until } from '../system/command.ts';
import { cellFigures } from '../system/figures.ts';
import { kubectl, NAMESPACE } from '../system/install.ts';
import { notingPauses } from './handoff-pauses.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';

/** All by the edge of the drained cell. CHATCELLS_SOCKETS for a smaller machine. */
const SOCKETS = Number(process.env.CHATCELLS_SOCKETS ?? 10_000);
const CELL = 'cell-b';
const ZONE = 'zone-b';
/** Users of each workspace that the sockets are devices of, apart from those of the checked load. */
const USERS = { count: 100, first: 1_000 };
/** Somebody of the crowd's halves posts: a socket then gets an event every few seconds. */
const POST_EVERY_MS = 2_000;
const CONNECT_MS = 300_000;
const SETTLE_MS = 120_000;
const FIGURES_MS = 5_000;

const makeRoom = (system: System, cell: string): Promise<string> =>
  kubectl(
    [
      ...['patch', 'cell', cell, '-n', NAMESPACE, '--type=merge', '-p'],
      JSON.stringify({ spec: { capacity: { connections: 2 * SOCKETS } } }),
    ],
    system.status,
  );

const socketsIn = async (system: System, cell: string): Promise<number> =>
  (await cellFigures(system.controlPlanes)).find((c) => c.cell === cell)?.sockets ?? Number.NaN;

const drain = (args: readonly string[], limitS: number) => async (system: System, round: Round) => {
  for (const cell of ['cell-a', 'cell-b', 'cell-c']) await makeRoom(system, cell);
  const users = [];
  for (const { workspace } of system.tenants)
    users.push(...(await createTenant(system.status, workspace, USERS.count, USERS.first)).clients);
  const edges = system.status.edges.map((e) => e.url);
  const home = system.status.edges.find((e) => e.zone === ZONE)!.url;
  const crowd = new Crowd({ edges, home, users, sockets: SOCKETS, postEveryMs: POST_EVERY_MS });
  try {
    const all = async () => crowd.figures.connected === SOCKETS || undefined;
    const start = performance.now();
    await until(`${SOCKETS} sockets`, CONNECT_MS, all).finally(() => round.note('connected', crowd.figures.connected));
    round.note('connect_s', (performance.now() - start) / 1000);
    round.say(`${SOCKETS} sockets connected, ${crowd.figures.connectFailures} attempts failed`);
    // An attempt that failed went to another edge, and so perhaps to another cell.
    const held = await until(`most of them in ${CELL}`, SETTLE_MS, async () => {
      const sockets = await socketsIn(system, CELL);
      return sockets > 0.9 * SOCKETS ? sockets : undefined;
    });
    round.note('sockets', held);
    const before = await system.takeovers();
    round.fault(`chatctl drain ${CELL} ${args.join(' ')}: ${held} sockets`);
    const began = performance.now();
    await notingPauses(system, round, async () => {
      await chatctl(['drain', CELL, ...args, '--wait', '--timeout', '10m', '--reason', 'scenario']);
    });
    const seconds = (performance.now() - began) / 1000;
    round.note('drain_s', seconds);
    round.say(`drained in ${seconds.toFixed(1)} s`);
    round.expect(seconds <= limitS, `the drain took ${seconds.toFixed(1)} s, more than ${limitS} s`);
    // Another replica may have heard a heartbeat less than the one that told the operator.
    await until(
      `no socket is left in ${CELL}`,
      FIGURES_MS,
      async () => (await socketsIn(system, CELL)) === 0 || undefined,
    );
    await until('every client is back', SETTLE_MS, all);
    const { resumes, reconnects, stopped, connectFailures, delivered, posted, acknowledged } = crowd.figures;
    round.note('resumed', resumes);
    round.note('connect_failures', connectFailures);
    round.note('crowd_delivered', delivered);
    round.note('crowd_posted', posted);
    round.expect(posted - acknowledged <= 2, `${posted - acknowledged} posts of the crowd have no acknowledgement`);
    round.expect(stopped === 0, `${stopped} clients were told not to come back`);
    round.expect(reconnects === 0, `${reconnects} clients could not resume and had to start anew`);
    round.figures.takeovers += await system.takeoversSince(before);
  } finally {
    crowd.end();
    await chatctl(['undrain', CELL, '--fast', '--step', '10', '--wait', '--timeout', '180s']);
  }
  await system.whole();
};

export const DRAIN_CROWD: readonly Scenario[] = [
  {
    name: 'drain-crowd-fast',
    promise: `A cell with ${SOCKETS} sockets is drained with --fast: within 60 s, no request fails, nothing is lost.`,
    run: drain(['--fast'], 60),
  },
  {
    name: 'drain-crowd',
    promise: `A cell with ${SOCKETS} sockets is drained at the default pace: within 5 min, no request fails, nothing is lost.`,
    run: drain([], 300),
  },
];
