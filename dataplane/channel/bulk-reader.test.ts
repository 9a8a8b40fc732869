import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../cells/contract/clock.ts';
import { type TopicId, topicId } from '../../cells/contract/ids.ts';
import { BulkReader } from './bulk-reader.ts';

const topic = (n: number): TopicId => topicId('C', BigInt(n));

/** A reader whose queries are answered by hand, with the topics that they asked for, `tookMs` after they were asked. */
function readerByHand(tookMs = 0) {
  let now = 0;
  const rests: { ms: number; end(): void }[] = [];
  const after = (ms: number, end: () => void) => {
    if (ms > 0) rests.push({ ms, end });
    else queueMicrotask(end);
    return { cancel: () => assert.fail() };
  };
  const clock: Clock = { monotonicMs: () => now, wallMs: () => now, after, every: () => assert.fail() };
  const queries: { topics: TopicId[]; answer(): void; fail(): void }[] = [];
  const reader = new BulkReader<{ topic: TopicId }, TopicId>(clock, (asked) => {
    const { promise, resolve, reject } = Promise.withResolvers<TopicId[]>();
    const topics = asked.map((q) => q.topic);
    const answer = (): void => {
      now += tookMs;
      resolve(topics);
    };
    queries.push({ topics, answer, fail: () => reject(new Error('no store')) });
    return promise;
  });
  return { reader, queries, rests };
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

test('what is only loaded again rests for as long as its query took; what somebody waits for does not', async () => {
  const { reader, queries, rests } = readerByHand(40);
  const asked = [true, false].flatMap((urgent) =>
    Array.from({ length: 1_000 }, (_, n) => reader.get({ topic: topic(n + 1 + Number(urgent) * 5_000) }, urgent)),
  );
  await turn();
  for (const query of queries.splice(0)) query.answer();
  await turn();
  assert.deepEqual(
    queries.map((q) => q.topics[0]),
    [topic(5_501)],
    'the second of the urgent ones',
  );
  assert.deepEqual(
    rests.map((r) => r.ms),
    [80],
  );
  rests[0]!.end();
  await turn();
  assert.equal(queries[1]!.topics[0], topic(501));
  for (const query of queries) query.answer();
  await Promise.all(asked);
});

test('a query that took long because the store was away costs the next no more than a short rest', async () => {
  const { reader, queries, rests } = readerByHand(60_000);
  const asked = reader.get({ topic: topic(1) }, false);
  await turn();
  queries[0]!.answer();
  await asked;
  await turn();
  assert.deepEqual(
    rests.map((r) => r.ms),
    [250],
  );
});
