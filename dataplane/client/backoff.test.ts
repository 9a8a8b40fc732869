import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { backoffMs } from './backoff.ts';

const fixed = (value: number) => ({ next: () => value, hex: () => '' });

it('doubles from 1 s to 30 s, with up to 50 % on top', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 1_000].map((attempt) => backoffMs(attempt, fixed(0))),
    [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000],
  );
  assert.equal(backoffMs(0, fixed(0.5)), 1_250);
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.nat(10_000), chance, (attempt, value) => {
      const ms = backoffMs(attempt, fixed(value));
      const plain = backoffMs(attempt, fixed(0));
      assert.ok(ms >= plain && ms <= plain * 1.5);
    }),
  );
});
