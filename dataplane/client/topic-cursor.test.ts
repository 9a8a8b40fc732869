import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { TopicCursor } from './topic-cursor.ts';

it('any order of raw events, repeats included, comes out in order and once', () => {
  const cases = fc.integer({ min: 0, max: 20 }).chain((n) => {
    const all = Array.from({ length: n }, (_, i) => i + 1);
    const repeats = fc.array(fc.integer({ min: 1, max: Math.max(1, n) }), { maxLength: 10 });
    return fc.record({
      n: fc.constant(n),
      order: repeats.chain((r) =>
        fc.shuffledSubarray([...all, ...r.filter((x) => x <= n)], {
          minLength: all.length + r.filter((x) => x <= n).length,
        }),
      ),
    });
  });
  fc.assert(
    fc.property(cases, ({ n, order }) => {
      const cursor = new TopicCursor<number>(0);
      const out = order.flatMap((seq) => cursor.offer(seq, seq) ?? []);
      assert.deepEqual(
        out,
        Array.from({ length: n }, (_, i) => i + 1),
      );
      assert.equal(cursor.behind, false);
    }),
  );
});

it('a gap: what came since waits until it is filled', () => {
  const cursor = new TopicCursor<number>(3);
  cursor.fill();
  assert.deepEqual(cursor.offer(11, 11), []);
  assert.equal(cursor.behind, false);
  assert.deepEqual(cursor.skipTo(10), [11]);
  assert.equal(cursor.offer(9, 9), undefined);
});

it('skipping gives what is held in order, holes and all, and never goes back', () => {
  const cursor = new TopicCursor<number>(3);
  cursor.fill();
  for (const seq of [8, 5, 7, 11]) assert.deepEqual(cursor.offer(seq, seq), []);
  assert.equal(cursor.offer(7, 70), undefined);
  assert.deepEqual(cursor.skipTo(7), [5, 7, 8]);
  assert.equal(cursor.behind, true);
  assert.deepEqual(cursor.skipTo(2), []);
  assert.equal(cursor.last, 8);
  assert.deepEqual(cursor.dropHeld(), [11]);
  assert.equal(cursor.behind, false);
});

it('after the end of a membership the next event may be any later one', () => {
  const cursor = new TopicCursor<number>(3);
  assert.deepEqual(cursor.offer(4, 4), [4]);
  cursor.end();
  assert.equal(cursor.ended, true);
  assert.equal(cursor.offer(4, 4), undefined);
  assert.deepEqual(cursor.offer(20, 20), [20]);
  assert.equal(cursor.ended, false);
  assert.deepEqual(cursor.offer(22, 22), []);
  assert.equal(cursor.behind, true);
});
