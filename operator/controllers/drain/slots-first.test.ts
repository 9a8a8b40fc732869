import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideDrain } from './decide.ts';
import { input, status, T0 } from './input.test-support.ts';

const suspect = { suspect: true, intent: { stepPercent: 10 } };
const slots = (n: number) => ({ live: { sockets: 1000, slots: n, errorRate: undefined } });

test('a suspect zone gives its slots away first, says so, and lowers its weight when they are gone', () => {
  const first = decideDrain(input(suspect), T0);
  assert.deepEqual([first.weight, first.drain.phase, first.retryMs], [100, 'Draining', 1000]);
  assert.match(first.drain.blocker ?? '', /the slots leave first, until 00:01:00 UTC/);
  const waiting = status(first);
  assert.equal(decideDrain(input({ ...suspect, status: waiting, ...slots(1) }), T0 + 5_000).weight, 100);
  const gone = decideDrain(input({ ...suspect, status: waiting, ...slots(0) }), T0 + 6_000);
  assert.deepEqual([gone.weight, gone.drain.blocker], [90, undefined]);
  const later = decideDrain(input({ ...suspect, status: status(gone), ...slots(3) }), T0 + 8_000);
  assert.equal(later.weight, 80, 'no stop half way');
});

test('a well zone, a partial drain and force do not wait; nor does anybody for longer than a minute', () => {
  const waiting = status(decideDrain(input(suspect), T0));
  assert.equal(decideDrain(input({ ...suspect, status: waiting }), T0 + 59_999).weight, 100);
  assert.equal(decideDrain(input({ ...suspect, status: waiting }), T0 + 60_000).weight, 90);
  const at = (changes: Parameters<typeof input>[0]) => decideDrain(input(changes), T0).weight;
  assert.equal(at({ ...suspect, suspect: false }), 90);
  assert.equal(at({ ...suspect, intent: { stepPercent: 10, targetWeight: 50 } }), 90);
  assert.equal(at({ ...suspect, intent: { stepPercent: 10, force: true, reason: 'now' } }), 90);
});
