/** How the gap of a failover grows with the topics that the dead server had in memory, all with a subscriber. */
import { createChannels } from '../bench/failover/bulk-channels.ts';
import { Crowd } from '../load/crowd-process.ts';
import { createTenant } from '../load/tenants.ts';
import { until } from '../system/command.ts';
import { RING } from '../system/install.ts';
import { FAILOVER_MS } from './failover.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';

/** Channels of one user. */
const PER_USER = 1_000;
const MIN_USERS = 20;
/** Apart from the users of other scenarios. */
const FIRST_USER = 10_000;
/** Of all channels, those that somebody posts to when the server is killed. */
const SAMPLE = 200;
const LOADED_MS = 300_000;
const GAPS_MS = 120_000;
const POST_EVERY_MS = 1_000;

const loaded = (count: number) => async (system: System, round: Round) => {
  const [victim] = await system.channelServers();
  const { workspace, workspaceId } = system.tenants[0]!;
  const tenant = await createTenant(system.status, workspace, Math.max(MIN_USERS, count / PER_USER), FIRST_USER);
  round.say(`${count} channels of ${victim!.pod}, ${tenant.clients.length} users`);
  const made = await createChannels({
    ...{ store: system.status.store, ring: RING, owner: victim!.pod, workspaceId, count },
    users: tenant.clients.map((c) => c.user),
  });
  const users = tenant.clients.map(({ token, user }) => ({ token, channels: made.get(user)! }));
  const edges = system.status.edges.map((e) => e.url);
  const crowd = new Crowd({ edges, users, sockets: users.length, postEveryMs: POST_EVERY_MS });
  try {
    const all = async () => crowd.figures.connected === users.length || undefined;
    await until('its users are connected', LOADED_MS, all);
    const topicsOf = async (pod?: string): Promise<number> =>
      (await system.ring()).members.reduce((sum, m) => sum + (pod === undefined || m.pod === pod ? m.topics : 0), 0);
    const before = await until(`${count} topics loaded`, LOADED_MS, async () => {
      const topics = await topicsOf(victim!.pod);
      return topics >= count ? topics : undefined;
    });
    round.note('topics_loaded', before);
    const inAll = await topicsOf();
    const sample = users.flatMap((u) => u.channels.slice(0, Math.ceil(SAMPLE / users.length))).slice(0, SAMPLE);
    const takeovers = await system.takeovers();
    round.fault(`SIGKILL to ${victim!.pod}: ${before} topics in memory`);
    const atMs = system.kill(victim!.pod);
    crowd.postTo({ atMs, topics: sample });
    round.failed(await system.slotsOf([victim!]));
    const gaps = await until(`${sample.length} topics acknowledged again`, GAPS_MS, async () => {
      const { gapsMs } = crowd.figures;
      return sample.every((t) => gapsMs[t] !== undefined) ? sample.map((t) => gapsMs[t]!) : undefined;
    });
    round.gaps(gaps);
    const slow = gaps.filter((ms) => ms > FAILOVER_MS).length;
    round.expect(slow <= gaps.length / 100, `${slow} of ${gaps.length} topics had no acknowledgement for 5 s`);
    await until('all topics are in memory again', LOADED_MS, async () => (await topicsOf()) >= inAll || undefined);
    round.note('all_loaded_again_s', (Date.now() - atMs) / 1000);
    round.figures.takeovers += await system.takeoversSince(takeovers);
    await until('every client is there', LOADED_MS, all);
  } finally {
    crowd.end();
  }
  await system.whole();
};

const promise = (count: number): string =>
  `A channel server with ${count.toLocaleString('en')} topics in memory, each with a subscriber, is killed: the standby acknowledges within 5 s (p99).`;

export const FAILOVER_TOPICS: readonly Scenario[] = [1_000, 10_000, 100_000].map((count) => ({
  name: `failover-topics-${count / 1_000}k`,
  promise: promise(count),
  run: loaded(count),
}));
