import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { Clock } from '../../cells/contract/clock.ts';
import { systemRandom } from '../../cells/contract/system-clock.ts';
import { ChannelMetrics } from './metrics.ts';
import { Projector } from './projector.ts';
import type { Topic } from './topic.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Topics of which the owner before has left one message behind the cursor, and a store whose reads wait to be answered. */
function left(count: number) {
  let now = 0;
  const timers: { at: number; run: () => void }[] = [];
  const after = (ms: number, run: () => void) => {
    timers.push({ at: now + ms, run });
    return { cancel: () => {} };
  };
  const clock: Clock = { monotonicMs: () => now, wallMs: () => now, after, every: after };
  const pass = async (ms: number): Promise<void> => {
    now += ms;
    for (const timer of timers.splice(0)) timer.at <= now ? timer.run() : timers.push(timer);
    await settled();
  };
  const reads = new Map<string, () => void>();
  const cursors = new Map<string, number>();
  const log = {
    read: (topic: string) =>
      new Promise((resolve) => reads.set(topic, () => resolve([{ type: 'message', seq: 3, workspace: 'T1' }]))),
    setProjectedSeq: async (topic: string, seq: number) => void cursors.set(topic, seq),
  };
  const projector = new Projector({
    ...{ store: { log } as never, ring: 'r', owners: {} as never },
    ...{ clock, random: systemRandom, log: pino({ level: 'silent' }), metrics: new ChannelMetrics() },
  });
  const topics = Array.from({ length: count }, (_, i) => {
    const topic = { topic: `C${i}`, isChannel: true, loaded: Promise.resolve(), head: { seq: 3 }, dropped: false };
    return { ...topic, projectedSeq: async () => 2, channelOf: async () => undefined } as unknown as Topic;
  });
  for (const topic of topics) projector.catchUp(topic);
  const answer = async (topic: string): Promise<void> => {
    reads.get(topic)!();
    reads.delete(topic);
    await settled();
  };
  return { projector, topics, reads, cursors, answer, pass };
}

test('topics that come all at once catch up one after the other, and later', async () => {
  const { reads, cursors, answer, pass } = left(3);
  await settled();
  await pass(4_999);
  assert.equal(reads.size, 0);
  await pass(1);
  for (const topic of ['C0', 'C1', 'C2']) {
    assert.deepEqual([...reads.keys()], [topic]);
    await answer(topic);
  }
  assert.deepEqual(
    [...cursors].sort(),
    ['C0', 'C1', 'C2'].map((topic) => [topic, 3]),
  );
});

test('one in which something new happens does not wait for its turn', async () => {
  const { projector, topics, reads, cursors, answer, pass } = left(3);
  await settled();
  let done = false;
  const event = { type: 'message', seq: 4, workspace: 'T1' } as never;
  const committed = projector.committed(topics[2]!, [event]).then(() => {
    done = true;
  });
  await settled();
  assert.deepEqual([[...reads.keys()], done], [['C2'], false], 'in order: what was left comes first');
  await answer('C2');
  await committed;
  assert.equal(cursors.get('C2'), 4);
  await pass(5_000);
  assert.deepEqual([...reads.keys()], ['C0']);
});

test('nor does one in which it happens before it is known where the cursor is', async () => {
  const { projector, topics, reads, answer } = left(1);
  const event = { type: 'message', seq: 4, workspace: 'T1' } as never;
  const committed = projector.committed(topics[0]!, [event]);
  await settled();
  assert.deepEqual([...reads.keys()], ['C0']);
  await answer('C0');
  await committed;
});

test('a topic that was dropped while it waited asks the store nothing', async () => {
  const { topics, reads, answer, pass } = left(3);
  await settled();
  await pass(5_000);
  Object.assign(topics[1]!, { dropped: true });
  await answer('C0');
  assert.deepEqual([...reads.keys()], ['C2']);
});
