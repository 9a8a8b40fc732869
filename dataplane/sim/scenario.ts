/** One seeded run: people write while faults come and go; then everything heals, and all must come to rest. */
import type { TopicId } from '../../cells/contract/ids.ts';
import type { Plants } from '../protocol/plants.ts';
import type { Device } from './devices.ts';
import { Faults } from './faults.ts';
import { Intruder } from './intruder.ts';
import { RULE } from './invariants.ts';
import type { Violation } from './records.ts';
import { scaleOf } from './scale.ts';
import { Workload } from './workload.ts';
import { World } from './world.ts';

const RING_MADE_MS = 900;
const WARM_UP_MS = 2_500;
/** Longer than any time-out, back-off and take-over in a row. */
const REST_MS = 90_000;
const REST_POLL_MS = 250;
/** For what should not come any more. */
const SETTLE_MS = 1_500;

export interface RunResult {
  seed: string;
  violations: readonly Violation[];
  acknowledged: number;
  delivered: number;
  hash: string;
  trace: readonly string[];
}

export async function runSeed(seed: string, plants: Plants, trace = false): Promise<RunResult> {
  const world = new World(seed, plants, trace);
  const { records } = world;
  await run(world);
  let counts = { acknowledged: 0, delivered: 0 };
  if (records.violations.length === 0) counts = await records.judge(world.store.real, world.topics);
  await world.store.real.close();
  const { acknowledged, delivered } = counts;
  return { seed, violations: records.violations, acknowledged, delivered, hash: records.close(), trace: records.trace };
}

/** Ends early when a rule is broken: what follows from it is no news. */
async function run(world: World): Promise<void> {
  const { scheduler, records, random, devices } = world;
  const broken = (): boolean => records.violations.length > 0;
  const scale = scaleOf(random.fork('scale'));
  await world.build(scale);
  const workload = new Workload(world);
  const faults = new Faults(world);
  const intruder = new Intruder(world, world.users.at(-1)!);
  await scheduler.run(RING_MADE_MS, broken);
  workload.createChannels();
  for (const device of devices) scheduler.after(random.between(0, 800), () => device.start());
  await scheduler.run(WARM_UP_MS, broken);
  workload.start();
  intruder.start();
  faults.start();
  await scheduler.run(WARM_UP_MS + scale.faultsMs, broken);
  if (broken()) return;
  workload.stop();
  intruder.stop();
  faults.end();
  const restless = await rest(world, workload, broken);
  if (broken()) return;
  await scheduler.run(scheduler.now + SETTLE_MS, broken);
  if (broken()) return;
  for (const device of devices) records.record(device.clientName, { kind: 'end', settled: true });
  // What the histories lack is the better finding: only if they lack nothing is unrest one of its own.
  if (restless === undefined) return;
  const { holds } = await records.judge(world.store.real, world.topics);
  if (holds) records.violate(restless.rule, restless.message);
}

/** Lets time pass until nothing is owed to anybody any more; what still is, if that does not come. */
async function rest(
  world: World,
  workload: Workload,
  broken: () => boolean,
): Promise<{ rule: string; message: string } | undefined> {
  const { scheduler, devices } = world;
  const until = scheduler.now + REST_MS;
  while (scheduler.now < until && !broken()) {
    await scheduler.run(scheduler.now + REST_POLL_MS, broken);
    if (workload.isAnswered && devices.every((d) => d.client.state === 'ready') && (await behind(world)) === undefined)
      return undefined;
  }
  const restless = devices.find((d) => d.client.state !== 'ready')?.clientName;
  if (restless !== undefined) return { rule: RULE.atRest, message: `${restless} does not come back` };
  if (!workload.isAnswered) return { rule: RULE.answered, message: 'something was asked and is never answered' };
  return { rule: RULE.atRest, message: (await behind(world)) ?? '' };
}

/** Somebody who does not have all of a topic yet. */
async function behind(world: World): Promise<string | undefined> {
  for (const topic of world.topics) {
    const head = world.checks.head(topic);
    const followers = head === 0 ? [] : await followersOf(world, topic);
    const late = followers.find((d) => (d.client.positions.get(topic) ?? 0) < head);
    if (late !== undefined) return `${late.clientName} stays behind seq ${head} of ${topic}`;
  }
  return undefined;
}

async function followersOf(world: World, topic: TopicId): Promise<Device[]> {
  const members = new Set<string>(
    topic.startsWith('C') ? await world.store.real.log.members(topic, { limit: 1_000 }) : [],
  );
  return world.devices.filter(({ user }) => members.has(user.id) || topic === user.id || topic === user.workspace);
}
