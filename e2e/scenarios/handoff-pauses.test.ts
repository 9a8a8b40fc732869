/** Quantiles of pauses over servers, from their buckets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pausesOf } from './handoff-pauses.ts';

const INF = Number.POSITIVE_INFINITY;

test('buckets of all servers together; a quantile is the upper bound of its bucket', () => {
  const one = new Map([
    [0.1, 90],
    [0.25, 98],
    [INF, 100],
  ]);
  const other = new Map([
    [0.1, 100],
    [0.25, 100],
    [INF, 100],
  ]);
  assert.deepEqual(pausesOf([one, other]), { count: 200, p50: 0.1, p99: 0.25 });
  assert.deepEqual(pausesOf([one]), { count: 100, p50: 0.1, p99: INF });
  assert.deepEqual(pausesOf([new Map([[INF, 0]])]), { count: 0, p50: undefined, p99: undefined });
});
