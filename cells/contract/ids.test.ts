import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Clock } from './clock.ts';
import { formatId, formatTs, type IdKind, idNumber, isChannelId, isUserId, parseTs, Snowflake } from './ids.ts';

const number = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n });

test('an id’s text and number are one to one', () => {
  fc.assert(
    fc.property(fc.constantFrom<IdKind>('T', 'U', 'C', 'D', 'G', 'F'), number, (kind, n) => {
      assert.equal(idNumber(formatId(kind, n)), n);
    }),
  );
});

test('what is no id is refused', () => {
  for (const text of ['', 'C', 'X123', 'c123', 'C12-3', 'CZZZZZZZZZZZZZ', 'C12345678901234', 'U١'])
    assert.equal(idNumber(text), undefined, text);
  assert.equal(isChannelId('U1'), false);
  assert.equal(isUserId('U1'), true);
});

test('ts: microseconds and Slack’s text are one to one', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 17n }), (micros) => {
      assert.equal(parseTs(formatTs(micros)), micros);
    }),
  );
  assert.equal(parseTs('12.5'), 12_500_000n);
  for (const text of ['', 'x', '1.', '1.1234567', '-1']) assert.equal(parseTs(text), undefined, text);
});

test('Snowflakes rise and never repeat, also when the clock steps back', () => {
  let wall = Date.UTC(2026, 5, 1);
  const clock = { wallMs: () => wall } as Clock;
  const snowflake = new Snowflake(clock, 7);
  const seen: bigint[] = [];
  for (let i = 0; i < 10_000; i++) {
    if (i === 5_000) wall -= 60_000;
    seen.push(snowflake.next());
  }
  assert.equal(new Set(seen).size, seen.length);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => (a < b ? -1 : 1)),
  );
  assert.ok(seen.every((n) => ((n >> 12n) & 1023n) === 7n));
  assert.throws(() => new Snowflake(clock, 1024), RangeError);
});
