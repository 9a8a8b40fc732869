import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RULE } from './invariants.ts';
import { runSeed } from './scenario.ts';

test('a seed replays exactly, and another seed is another run', async () => {
  const [first, again, other] = [
    await runSeed('5', new Set()),
    await runSeed('5', new Set()),
    await runSeed('6', new Set()),
  ];
  assert.equal(first.hash, again.hash);
  assert.notEqual(first.hash, other.hash);
  assert.deepEqual(first.violations, []);
  assert.ok(first.acknowledged > 50, `only ${first.acknowledged} posts`);
});

test('a planted bug is found', async () => {
  const { violations } = await runSeed('1', new Set(['denial-forgotten']));
  assert.equal(violations[0]?.invariant, RULE.tenants);
});
