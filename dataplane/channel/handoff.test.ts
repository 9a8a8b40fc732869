import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inTurn } from './handoff.ts';

test('an owner begins with the target after it, so that no two begin with the same', () => {
  assert.deepEqual(inTurn([0, 1, 3, 4], 2, 5), [3, 4, 0, 1]);
  const firsts = [0, 1, 2, 3].map(
    (self) =>
      inTurn(
        [0, 1, 2, 3].filter((t) => t !== self),
        self,
        4,
      )[0],
  );
  assert.deepEqual(firsts, [1, 2, 3, 0]);
});

test('leaving owners of three cells with two servers each begin with three targets', () => {
  const leaving = [0, 2, 4];
  const stay = [1, 3, 5];
  assert.deepEqual(
    leaving.map((self) => inTurn(stay, self, 6)[0]),
    stay,
  );
});
