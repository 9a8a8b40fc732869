import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { systemClock, systemRandom } from '../../cells/contract/system-clock.ts';
import { ChannelMetrics } from './metrics.ts';
import { Projector } from './projector.ts';
import type { Topic } from './topic.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Topics of which the owner before has left one message behind the cursor, and a store whose reads wait to be answered. */
function left(count: number) {
  const reads = new Map<string, () => void>();
  const cursors = new Map<string, number>();
  const log = {
    read: (topic: string) =>
      new Promise((resolve) => reads.set(topic, () => resolve([{ type: 'message', seq: 3, workspace: 'T1' }]))),
    setProjectedSeq: async (topic: string, seq: number) => void cursors.set(topic, seq),
  };
  const projector = new Projector({
    ...{ store: { log } as never, ring: 'r', owners: {} as never },
    ...{ clock: systemClock, random: systemRandom, log: pino({ level: 'silent' }), metrics: new ChannelMetrics() },
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
  return { projector, topics, reads, cursors, answer };
}

test('topics that come all at once catch up two at a time', async () => {
  const { reads, cursors, answer } = left(5);
  await settled();
  assert.deepEqual([...reads.keys()], ['C0', 'C1']);
  await answer('C1');
  assert.deepEqual([...reads.keys()], ['C0', 'C2']);
  for (const topic of ['C0', 'C2', 'C3', 'C4']) await answer(topic);
  assert.deepEqual(
    [...cursors].sort(),
    ['C0', 'C1', 'C2', 'C3', 'C4'].map((topic) => [topic, 3]),
  );
});

test('one in which something new happens does not wait for its turn', async () => {
  const { projector, topics, reads, cursors, answer } = left(4);
  await settled();
  let done = false;
  const event = { type: 'message', seq: 4, workspace: 'T1' } as never;
  const committed = projector.committed(topics[3]!, [event]).then(() => {
    done = true;
  });
  await settled();
  assert.deepEqual([[...reads.keys()], done], [['C0', 'C1', 'C3'], false], 'in order: what was left comes first');
  await answer('C3');
  await committed;
  assert.equal(cursors.get('C3'), 4);
  await answer('C0');
  assert.deepEqual([...reads.keys()], ['C1', 'C2']);
});

test('a topic that was dropped while it waited asks the store nothing', async () => {
  const { topics, reads, answer } = left(4);
  await settled();
  Object.assign(topics[2]!, { dropped: true });
  await answer('C0');
  assert.deepEqual([...reads.keys()], ['C1', 'C3']);
});
