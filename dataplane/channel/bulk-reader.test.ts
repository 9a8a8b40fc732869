import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TopicId, topicId } from '../../cells/contract/ids.ts';
import { BulkReader } from './bulk-reader.ts';

const topic = (n: number): TopicId => topicId('C', BigInt(n));

/** A reader whose queries are answered by hand, with the topics that they asked for. */
function readerByHand() {
  const queries: { topics: TopicId[]; answer(): void; fail(): void }[] = [];
  const reader = new BulkReader<{ topic: TopicId }, TopicId>((asked) => {
    const { promise, resolve, reject } = Promise.withResolvers<TopicId[]>();
    const topics = asked.map((q) => q.topic);
    queries.push({ topics, answer: () => resolve(topics), fail: () => reject(new Error('no store')) });
    return promise;
  });
  return { reader, queries };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what is asked for together is read together, 500 a query, one query at a time', async () => {
  const { reader, queries } = readerByHand();
  const asked = Array.from({ length: 1_200 }, (_, n) => reader.get({ topic: topic(n + 1) }, false));
  for (const size of [500, 500, 200]) {
    await turn();
    assert.equal(queries.at(-1)!.topics.length, size);
    queries.at(-1)!.answer();
  }
  assert.deepEqual(
    await Promise.all(asked),
    Array.from({ length: 1_200 }, (_, n) => topic(n + 1)),
  );
  assert.equal(queries.length, 3);
});

test('what somebody waits for does not stand behind the rest, also when the wait begins later', async () => {
  const { reader, queries } = readerByHand();
  const rest = Array.from({ length: 1_200 }, (_, n) => reader.get({ topic: topic(n + 1) }, false));
  await turn();
  const urgent = reader.get({ topic: topic(5_000) }, true);
  await turn();
  assert.deepEqual(queries[1]!.topics, [topic(5_000)]);
  reader.hurry(topic(1_100));
  reader.hurry(topic(1)); // in flight already
  queries[1]!.answer();
  assert.equal(await urgent, topic(5_000));
  await turn();
  assert.deepEqual(queries[2]!.topics, [topic(1_100)]);
  queries[2]!.answer();
  assert.equal(await rest[1_099], topic(1_100));
  for (const at of [0, 3, 4]) {
    queries[at]!.answer();
    await turn();
  }
  await Promise.all(rest);
  assert.equal(queries.length, 5);
});

test('a query that fails fails for those who asked in it, and the next is tried', async () => {
  const { reader, queries } = readerByHand();
  const first = reader.get({ topic: topic(1) }, false);
  await turn();
  const second = reader.get({ topic: topic(2) }, false);
  queries[0]!.fail();
  await assert.rejects(first, /no store/);
  await turn();
  queries[1]!.answer();
  assert.equal(await second, topic(2));
});
