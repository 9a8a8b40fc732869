/** Failover of one channel server: killed, stopped and woken, or cut off with its zone; with the control plane and without. */
import { until } from '../system/command.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System, Victim } from './system.ts';

/** A standby's acknowledgement comes within this; the report says p99 over all topics and rounds. */
export const FAILOVER_MS = 5_000;

/** `servers`: the channel servers before the fault, the one to strike first. */
type Fault = (system: System, round: Round, servers: readonly Victim[]) => Promise<void>;

/** With the control plane as it is. */
const supported = (fault: Fault) => async (system: System, round: Round) => {
  await fault(system, round, await system.channelServers());
  await system.whole();
};

/** With none of it: API server, operator and every control-plane replica are down from before the fault until after it. */
const alone = (fault: Fault) => async (system: System, round: Round) => {
  const servers = await system.channelServers();
  await system.controlPlaneDown();
  try {
    await fault(system, round, servers);
    round.expect((await system.controlPlanesUp()) === 0, 'a control-plane replica came back during the fault');
  } finally {
    await system.controlPlaneUp();
  }
  await system.whole();
};

/** Strikes, and notes how long the victims' channels go without an acknowledgement and what the standbys take. */
export async function strike(
  system: System,
  round: Round,
  fault: { what: string; victims: readonly Victim[]; edges?: string[]; now(): number },
): Promise<void> {
  const { what, victims, edges } = fault;
  const topics = victims.flatMap((v) => v.topics);
  const before = await system.takeovers();
  round.fault(`${what}: ${topics.length} channels in use`);
  const atMs = fault.now();
  round.say(`struck at ${new Date(atMs).toISOString()}`);
  const [gaps, slots] = await Promise.all([system.gaps(atMs, topics, edges), system.slotsOf(victims)]);
  round.failed(slots);
  round.gaps(gaps);
  const slow = gaps.filter((ms) => ms > FAILOVER_MS);
  round.expect(slow.length === 0, `${slow.length} channels had no acknowledgement for ${slow.join(', ')} ms`);
  const takeovers = await system.takeoversSince(before);
  round.figures.takeovers += takeovers;
  round.expect(takeovers > 0, 'no standby took anything over');
}

const kill: Fault = async (system, round, [victim]) => {
  await strike(system, round, {
    what: `SIGKILL to ${victim!.pod}`,
    victims: [victim!],
    now: () => system.kill(victim!.pod),
  });
};

/** The woken server does, or tries, what it had received and not done: the checker finds what should not have come of it. */
const stop: Fault = async (system, round, [victim]) => {
  const { pod } = victim!;
  const fenced = await system.counters('ring_slots_fenced_total');
  try {
    await strike(system, round, { what: `SIGSTOP to ${pod}`, victims: [victim!], now: () => system.stop(pod) });
  } finally {
    system.cont(pod);
  }
  await system.load.acknowledged(60);
  const now = await until(`${pod} answers again`, 30_000, async () =>
    (await system.counters('ring_slots_fenced_total')).get(pod),
  );
  round.note('slots_fenced', now - (fenced.get(pod) ?? 0));
};

const partition: Fault = async (system, round, servers) => {
  const { zone } = servers[0]!;
  try {
    await strike(system, round, {
      what: `${zone} cut off the store, the API server and the other zones`,
      victims: servers.filter((s) => s.zone === zone),
      edges: system.edgesOutside(zone),
      now: () => system.isolate(zone),
    });
    await system.load.acknowledged(60);
  } finally {
    system.heal(zone);
  }
};

const PROMISE = 'The standby acknowledges within 5 s; nothing is lost, doubled or out of order.';
const ALONE = 'The same with API server, operator and every control-plane replica down.';

export const FAILOVERS: readonly Scenario[] = [
  { name: 'failover-kill', promise: `A channel server is killed. ${PROMISE}`, run: supported(kill) },
  { name: 'failover-kill-alone', promise: `A channel server is killed. ${ALONE}`, run: alone(kill) },
  {
    name: 'failover-stop',
    promise: `A channel server is stopped, and woken later: it writes, acknowledges and fans out nothing. ${PROMISE}`,
    run: supported(stop),
  },
  { name: 'failover-stop-alone', promise: `A channel server is stopped, and woken later. ${ALONE}`, run: alone(stop) },
  {
    name: 'failover-partition',
    promise: `A zone is cut off store, API server and the other zones, with its channel servers. ${PROMISE}`,
    requestsMayFail: true,
    run: supported(partition),
  },
  {
    name: 'failover-partition-alone',
    promise: `A zone is cut off, with its channel servers. ${ALONE}`,
    requestsMayFail: true,
    run: alone(partition),
  },
];
