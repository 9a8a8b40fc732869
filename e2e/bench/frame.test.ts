import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Contestant, takeTurns } from './frame.ts';
import { machine } from './machine.ts';
import { formatResult, holds, type Result } from './report.ts';
import { median, quantile } from './statistics.ts';

const quiet = (): void => {};
const spec = [{ key: 'ms', what: 'time', unit: 'ms' }];

test('contestants take turns, and the warm-up does not count', async () => {
  const order: string[] = [];
  const named = (name: string): Contestant => ({
    name,
    round: async () => {
      order.push(name);
      return { ms: order.length };
    },
  });
  const [figure] = await takeTurns([named('a'), named('b')], spec, { rounds: 2, progress: quiet });
  assert.equal(order.join(''), 'abbaab');
  assert.deepEqual(figure?.values, { a: [4, 5], b: [3, 6] });
});

test('a figure that was not measured is an error, never a gap', async () => {
  const contestant = { name: 'a', round: async () => ({ ms: Number.NaN }) };
  await assert.rejects(takeTurns([contestant], spec, { rounds: 1, progress: quiet }), /a measured no ms/);
});

test('quantiles', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(quantile([1, 2], 0.5), 1.5);
  assert.equal(quantile([10, 20, 30], 1), 30);
});

test('one broken claim fails the run, but not a smoke run', () => {
  const result: Result = {
    ...{ bench: 'x', command: '', at: '', machine: machine(), rounds: 2, smoke: false, setting: { nodes: 3 } },
    figures: [{ ...spec[0]!, values: { ours: [1, 9, 2], theirs: [4, 4, 4] } }],
    claims: [
      { what: 'fast', measured: '2 ms', holds: true },
      { what: 'small', measured: '9 MB', holds: false },
    ],
  };
  assert.equal(holds(result), false);
  assert.equal(holds({ ...result, smoke: true }), true);
  const text = formatResult(result);
  assert.match(text, /time +ms +2\.00 \(1\.00–9\.00\) +4\.00/);
  assert.match(text, /√ fast: 2 ms\n× small: 9 MB/);
});
