import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sameQuantity, thousandths } from './quantity.ts';

/** As typed, and as the API server gives it back. */
const SAME: [typed: unknown, stored: string][] = [
  [2, '2'],
  [0, '0'],
  ['1000m', '1'],
  ['0.5', '500m'],
  [0.5, '500m'],
  ['.5', '500m'],
  ['5.', '5'],
  ['+1', '1'],
  ['0.1', '100m'],
  ['1.1', '1100m'],
  ['1500m', '1500m'],
  ['1024Mi', '1Gi'],
  ['1.5Gi', '1536Mi'],
  ['0.5Gi', '512Mi'],
  ['1k', '1000'],
  ['1e3', '1000'],
  ['1E3', '1e3'],
  [1e21, '1e21'],
  ['1.5e3', '1500'],
  ['500e-3', '500m'],
  ['1E', '1000P'],
  ['8Ei', '8192Pi'],
  [8589934592, '8Gi'],
  ['9007199254740993', '9007199254740993'],
  ['0.0001', '1m'],
  ['1500001u', '1501m'],
  ['1n', '1m'],
  ['1e-30', '1m'],
];
for (const [typed, stored] of SAME)
  test(`${JSON.stringify(typed)} is worth as much as ${stored}`, () => {
    assert.ok(sameQuantity(typed, stored));
    assert.ok(sameQuantity(stored, typed));
  });

test('what is worth something else is another one', () => {
  for (const [a, b] of [
    ['1Gi', '1G'],
    ['1Mi', '1m'],
    ['1M', '1m'],
    ['9007199254740993', '9007199254740992'],
    ['-1', '1'],
    ['1', undefined],
  ])
    assert.ok(!sameQuantity(a, b), `${a} ${b}`);
});

test('what is no quantity is the same as itself alone', () => {
  for (const text of ['', '.', 'Gi', '1 Gi', '1gi', '1KI', 'two', '1e', '1e9999999', 'NaN', 'Infinity', '1.2.3', '--1'])
    assert.equal(thousandths(text), undefined, text);
  assert.equal(thousandths({}), undefined);
  assert.ok(sameQuantity('two', 'two'));
  assert.ok(!sameQuantity('two', '2'));
  assert.ok(!sameQuantity({}, {}));
});

test('any way to write a number of thousandths is worth it', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 1n << 70n }), fc.nat({ max: 12 }), (milli, shift) => {
      assert.equal(thousandths(`${milli}m`), milli);
      assert.equal(thousandths(`${milli / 1000n}.${String(milli % 1000n).padStart(3, '0')}`), milli);
      assert.equal(thousandths(`${milli}${'0'.repeat(shift)}e-${shift + 3}`), milli);
      assert.equal(thousandths(`${milli}Mi`), thousandths(`${milli * 1024n}Ki`));
    }),
  );
});
