/** Pods are evicted through the Eviction API, as when their node is emptied: one at a time, and each leaves by plan. */
import { until } from '../system/command.ts';
import { kubectl, NAMESPACE } from '../system/install.ts';
import { notingPauses } from './handoff-pauses.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';

const REPLACED_MS = 120_000;

/** False when the disruption budget forbids it for now. */
async function evict(system: System, pod: string): Promise<boolean> {
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace: NAMESPACE } };
  const path = `/api/v1/namespaces/${NAMESPACE}/pods/${pod}/eviction`;
  try {
    await kubectl(['create', '--raw', path, '-f', '-'], system.status, { input: JSON.stringify(eviction) });
    return true;
  } catch (e: unknown) {
    if (String(e).includes('disruption budget')) return false;
    throw e;
  }
}

/**
 * As `kubectl drain` does: tries again while the budget forbids it, which lags behind a Pod that has just become Ready.
 * Returns how often it did.
 */
async function evictWhenAllowed(system: System, round: Round, pod: string): Promise<number> {
  round.fault(`eviction of ${pod}`);
  let refused = 0;
  await until(`the budget lets ${pod} go`, REPLACED_MS, async () => {
    if (await evict(system, pod)) return true;
    refused++;
    return undefined;
  });
  return refused;
}

/** The channel servers of one cell, all of them; the budget has the second wait until the first is replaced. */
const channelServers = async (system: System, round: Round) => {
  const { cell } = (await system.channelServers())[0]!;
  const victims = (await system.podsOf('channel')).filter((p) => p.cell === cell);
  const before = await system.takeovers();
  let refused = 0;
  await notingPauses(system, round, async () => {
    for (const { name } of victims) refused += await evictWhenAllowed(system, round, name);
    await until('all are replaced', REPLACED_MS, async () => {
      const now = await system.podsOf('channel');
      const gone = victims.every((v) => now.every((p) => p.name !== v.name));
      return (gone && now.filter((p) => p.cell === cell).length === victims.length) || undefined;
    });
    await system.look();
    await system.whole();
  });
  round.note('refused', refused);
  round.expect(refused > 0, 'the disruption budget let two channel servers of a cell go at once');
  round.figures.takeovers += await system.takeoversSince(before);
};

const gateway = async (system: System, round: Round) => {
  const [victim] = await system.podsOf('gateway');
  const { resumes } = system.load.figures;
  const before = await system.takeovers();
  round.note('refused', await evictWhenAllowed(system, round, victim!.name));
  const began = performance.now();
  await until('it is replaced', REPLACED_MS, async () => {
    const now = await system.podsOf('gateway');
    return (now.some((p) => p.cell === victim!.cell) && now.every((p) => p.name !== victim!.name)) || undefined;
  });
  await until('its clients have resumed', REPLACED_MS, async () => {
    const { figures } = system.load;
    return (figures.resumes > resumes && figures.connected === system.clients) || undefined;
  });
  round.note('all_back_s', (performance.now() - began) / 1000);
  round.note('resumed', system.load.figures.resumes - resumes);
  round.figures.takeovers += await system.takeoversSince(before);
  await system.whole();
};

export const EVICTIONS: readonly Scenario[] = [
  {
    name: 'evict-channel',
    promise:
      "A cell's channel servers are evicted: the disruption budget lets one go at a time, planned handoffs, no takeover, no request fails, nothing is lost.",
    run: channelServers,
  },
  {
    name: 'evict-gateway',
    promise: 'A gateway is evicted: its clients are shed and resume, no request fails, nothing is lost.',
    run: gateway,
  },
];
