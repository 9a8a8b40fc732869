/** At rest nothing is written to the API server, by its own audit log. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { until } from '../system/command.ts';
import { kubectl, NAMESPACE } from '../system/install.ts';
import { writesByUser } from './audit-log.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';

const WATCHED_MS = 300_000;
/** Hot slots are looked at 30 s after the last change of the table, every 10 s. */
const SETTLED_MS = 60_000;
const SETTLE_MS = 600_000;
const OURS = `system:serviceaccount:${NAMESPACE}:`;

const steady = async (system: System, round: Round) => {
  await system.whole();
  await untilSettled(system);
  const { acknowledged } = system.load.figures;
  const before = await statuses(system);
  const from = Date.now();
  round.fault(`nothing, for ${WATCHED_MS / 60_000} min of chat`);
  await pause(WATCHED_MS);
  const writes = writesByUser(readFileSync(system.auditLog, 'utf8'), from, Date.now());
  const ours = [...writes].filter(([user]) => user.startsWith(OURS));
  const others = [...writes].filter(([user]) => !user.startsWith(OURS));
  const count = (of: [string, Map<string, number>][]): number =>
    of.flatMap(([, resources]) => [...resources.values()]).reduce((sum, n) => sum + n, 0);
  const text = (of: [string, Map<string, number>][]): string =>
    of.flatMap(([user, resources]) => [...resources].map(([what, n]) => `${n} × ${what} by ${user}`)).join(', ');
  round.note('writes', count(ours));
  round.note('writes_of_kubernetes', count(others));
  round.note('acknowledged_meanwhile', system.load.figures.acknowledged - acknowledged);
  if (others.length > 0) round.say(`Kubernetes itself: ${text(others)}`);
  round.expect(ours.length === 0, `written at steady state, leases aside: ${text(ours)}`);
  if (ours.length > 0) for (const line of differences(before, await statuses(system))) round.say(line);
};

/** No slot changes hands for a minute: the load is even enough by then as well. */
async function untilSettled(system: System): Promise<void> {
  let last = { epoch: 0, at: performance.now() };
  await until('a minute without a change of the ring', SETTLE_MS, async () => {
    const { epoch } = await system.ring();
    if (epoch !== last.epoch) last = { epoch, at: performance.now() };
    return performance.now() - last.at > SETTLED_MS || undefined;
  });
}

type Statuses = Map<string, Record<string, unknown>>;

async function statuses(system: System): Promise<Statuses> {
  const kinds = 'cells,channelrings,workspaces,practicedrains';
  const list = JSON.parse(await kubectl(['get', kinds, '-n', NAMESPACE, '-o', 'json'], system.status)) as {
    items: { kind: string; metadata: { name: string }; status?: Record<string, unknown> }[];
  };
  return new Map(list.items.map((o) => [`${o.kind} ${o.metadata.name}`, o.status ?? {}]));
}

/** The fields of a status that are not as before. */
function differences(before: Statuses, after: Statuses): string[] {
  return [...after].flatMap(([object, status]) => {
    const old = before.get(object) ?? {};
    const changed = Object.keys({ ...old, ...status }).filter((k) => !isDeepStrictEqual(old[k], status[k]));
    return changed.map((k) => `${object} status.${k}: ${JSON.stringify(old[k])} → ${JSON.stringify(status[k])}`);
  });
}

export const STEADY_STATE: Scenario = {
  name: 'steady-state',
  promise: `In ${WATCHED_MS / 60_000} minutes of chat operator and control plane write nothing to the API server, leases aside, by its audit log.`,
  run: steady,
};
