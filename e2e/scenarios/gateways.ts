/** Gateways that crash, and rollouts of gateways and channel servers. */
import { until } from '../system/command.ts';
import { metricByPod, type PodAddress } from '../system/figures.ts';
import { kubectl, NAMESPACE } from '../system/install.ts';
import { notingPauses } from './handoff-pauses.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';

const BACK_MS = 60_000;

type Choice = (gateways: readonly PodAddress[]) => readonly PodAddress[] | Promise<readonly PodAddress[]>;

/** After a crash the clients of one are at others: the next victim has to be one that has some. */
const withMostSockets: Choice = async (gateways) => {
  const sockets = await metricByPod(gateways, 'ws_connections_active');
  const most = Math.max(...sockets.values());
  return gateways.filter(({ name }) => sockets.get(name) === most).slice(0, 1);
};

const crash = (choose: Choice, what: string) => async (system: System, round: Round) => {
  const victims = await choose(await system.podsOf('gateway'));
  const { resumes } = system.load.figures;
  const before = await system.takeovers();
  round.fault(`SIGKILL to ${what}`);
  const atMs = Date.now();
  for (const { name } of victims) system.kill(name);
  await until('a client noticed', BACK_MS, async () => system.load.figures.connected < system.clients || undefined);
  await until(
    'all clients are back',
    BACK_MS,
    async () => system.load.figures.connected === system.clients || undefined,
  );
  round.note('all_back_ms', Date.now() - atMs);
  round.note('resumed', system.load.figures.resumes - resumes);
  round.figures.takeovers += await system.takeoversSince(before);
  await system.whole();
};

const rollOut = (components: readonly string[]) => async (system: System, round: Round) => {
  const before = await system.takeovers();
  round.fault(`rollout of ${components.join(' and ')}`);
  const began = performance.now();
  const handsOver = components.includes('channel');
  const selector = `app.kubernetes.io/component in (${components.join(',')})`;
  const roll = async (): Promise<void> => {
    const all = ['deployment', '-n', NAMESPACE, '-l', selector];
    await kubectl(['rollout', 'restart', ...all], system.status);
    await kubectl(['rollout', 'status', ...all, '--timeout=180s'], system.status);
    await system.look();
    round.note('rollout_s', (performance.now() - began) / 1000);
    // Every server is a new one: what they have taken over, all of it, they took since.
    round.figures.takeovers += handsOver
      ? [...(await system.takeovers()).values()].reduce((sum, n) => sum + n, 0)
      : await system.takeoversSince(before);
    await system.whole();
  };
  await (handsOver ? notingPauses(system, round, roll) : roll());
};

export const GATEWAYS: readonly Scenario[] = [
  {
    name: 'gateway-crash',
    promise: 'A gateway is killed: its clients come back and resume, no request fails, nothing is lost.',
    run: crash(withMostSockets, 'the gateway with most sockets'),
  },
  {
    name: 'mass-reconnect',
    promise: 'Every gateway is killed at once: all clients come back and resume, nothing is lost.',
    run: crash((pods) => pods, 'every gateway'),
  },
  {
    name: 'rollout-gateways',
    promise: 'Gateways are rolled out: their clients are shed and resume, no request fails, nothing is lost.',
    run: rollOut(['gateway']),
  },
  {
    name: 'rollout-all',
    promise: 'Gateways and channel servers are rolled out together: planned handoffs, no takeover, no request fails.',
    run: rollOut(['gateway', 'channel']),
  },
];
