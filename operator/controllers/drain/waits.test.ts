// Pauses, deadlines, force and what a drain waits for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideDrain } from './decide.ts';
import { conditionOf, input, reasons, room, STEP_MS, status, T0 } from './input.test-support.ts';
import type { DrainInput } from './model.ts';

const MINUTE = 60_000;
const full = [room('cell-a', { sockets: 5000 }), room('cell-c', { sockets: 5000 })];

test('paused, a drain stands at its weight with the reason, and goes on from there', () => {
  const first = decideDrain(input(), T0);
  const intent = { paused: true, pauseReason: 'the cache warms up' };
  const d = decideDrain(input({ status: status(first), intent }), T0 + STEP_MS);
  assert.deepEqual([d.weight, d.drain.phase, d.drain.fromWeight], [99, 'Paused', 100]);
  assert.match(d.drain.blocker ?? '', /^Paused at 99 % on the way to 0 %: the cache warms up\. chatctl resume cell-b/);
  assert.deepEqual([conditionOf(d, 'Draining')?.status, conditionOf(d, 'Draining')?.reason], ['True', 'Paused']);
  assert.deepEqual(reasons(d), ['Paused']);
  const later = decideDrain(input({ status: status(d), intent }), T0 + MINUTE);
  assert.deepEqual([later.drain, later.events], [d.drain, []], 'nothing is written while it stands');
  const on = decideDrain(input({ status: status(later) }), T0 + 2 * MINUTE);
  assert.deepEqual([on.weight, on.drain.phase, on.drain.startedAt], [98, 'Draining', first.drain.startedAt]);
  assert.deepEqual([reasons(on), on.drain.blockedSince], [['Resumed'], undefined]);
});

test('an undrain is paused as well, and so is what is left to leave at weight 0', () => {
  const intent = { paused: true, targetWeight: undefined };
  const up = { weight: 40, drain: { phase: 'Undraining' as const, startedAt: new Date(T0).toISOString() } };
  const d = decideDrain(input({ status: up, intent }), T0 + STEP_MS);
  assert.deepEqual([d.weight, d.drain.phase, conditionOf(d, 'Draining')?.status], [40, 'Paused', 'False']);
  const on = decideDrain(input({ status: status(d), intent: { targetWeight: undefined } }), T0 + MINUTE);
  assert.deepEqual([on.weight, on.drain.phase, on.drain.startedAt], [41, 'Undraining', up.drain.startedAt]);
  const atZero = { weight: 0, drain: { phase: 'Draining' as const, fromWeight: 100 } };
  assert.equal(decideDrain(input({ status: atZero, intent: { paused: true } }), T0).drain.phase, 'Paused');
  const gone = input({ status: atZero, intent: { paused: true }, live: { sockets: 0, slots: 0, errorRate: 0 } });
  assert.equal(decideDrain(gone, T0).drain.phase, 'Drained');
});

test('a cell at rest is not paused: there is nothing to stop', () => {
  const d = decideDrain(input({ intent: { targetWeight: undefined, paused: true } }), T0);
  assert.deepEqual([d.drain.phase, d.retryMs, d.events], ['None', undefined, []]);
});

test('past its deadline it is overdue, which is said once, and it goes on', () => {
  const intent = { deadlineMs: 10 * MINUTE };
  const first = decideDrain(input({ intent }), T0);
  assert.equal(first.drain.deadline, new Date(T0 + 10 * MINUTE).toISOString());
  assert.equal(conditionOf(first, 'DrainOverdue')?.reason, 'InTime');
  const blocked = decideDrain(input({ intent, status: status(first), others: full }), T0 + STEP_MS);
  const late = decideDrain(input({ intent, status: status(blocked), others: full }), T0 + 10 * MINUTE);
  assert.deepEqual(reasons(late), ['DeadlineExceeded']);
  assert.match(
    late.events[0]?.note ?? '',
    /^It was to be finished by 2026-01-01T00:10:00.000Z, and waits: The other Ready/,
  );
  assert.equal(late.events[0]?.type, 'Warning');
  assert.equal(conditionOf(late, 'DrainOverdue')?.status, 'True');
  const again = decideDrain(input({ intent, status: status(late) }), T0 + 11 * MINUTE);
  assert.deepEqual([reasons(again), again.weight], [[], 98]);
  const more = decideDrain(input({ intent: { deadlineMs: 60 * MINUTE }, status: status(again) }), T0 + 12 * MINUTE);
  assert.equal(conditionOf(more, 'DrainOverdue')?.status, 'False', 'who gives it more time is heard');
});

test('a paused drain is looked at when its deadline comes, and no more after that', () => {
  const intent = { paused: true, deadlineMs: 10 * MINUTE };
  const d = decideDrain(input({ intent }), T0);
  assert.equal(d.retryMs, 10 * MINUTE);
  const late = decideDrain(input({ intent, status: status(d) }), T0 + 10 * MINUTE);
  assert.deepEqual([reasons(late), late.retryMs], [['DeadlineExceeded'], undefined]);
});

test('without a deadline of its own it has twice the time of all its steps and five minutes', () => {
  const d = decideDrain(input(), T0);
  assert.equal(d.drain.deadline, new Date(T0 + 2 * 100 * STEP_MS + 5 * MINUTE).toISOString());
});

test('what a drain waits for has its beginning, kept while it waits', () => {
  const d = decideDrain(input({ others: full }), T0);
  const still = decideDrain(input({ status: status(d), others: full }), T0 + MINUTE);
  assert.deepEqual([still.drain.blockedSince, still.events], [new Date(T0).toISOString(), []]);
  const freed = decideDrain(input({ status: status(still) }), T0 + 2 * MINUTE);
  assert.deepEqual([freed.drain.blocker, freed.drain.blockedSince], [undefined, undefined]);
});

test('force is recorded with who and why, and with the guard that it goes past', () => {
  const intent = { force: true, reason: 'INC-42', requestedBy: 'ada' };
  const d = decideDrain(input({ intent }), T0);
  assert.deepEqual(d.drain.forced, { since: new Date(T0).toISOString(), by: 'ada', reason: 'INC-42' });
  assert.deepEqual(reasons(d), ['DrainStarted', 'DrainForced']);
  const past = decideDrain(input({ intent, status: status(d), others: full }), T0 + STEP_MS);
  assert.deepEqual([past.weight, past.drain.forced?.past, past.drain.forced?.by], [98, 'NoRoom', 'ada']);
  assert.match(past.events[0]?.note ?? '', /^Forced by ada: INC-42\. It goes past NoRoom: The other Ready cells/);
  const again = decideDrain(input({ intent, status: status(past), others: full }), T0 + 2 * STEP_MS);
  assert.deepEqual([again.weight, again.events], [97, []]);
});

test('however often it is paused, a drain that is resumed reaches its end', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 300 }), fc.constantFrom(0, 30, 100), (pauses, target) => {
      let nowMs = T0;
      let current: DrainInput = input({
        status: { weight: 60, drain: { phase: 'None' } },
        live: { sockets: 0, slots: 0, errorRate: 0 },
        intent: { targetWeight: target },
      });
      for (const paused of [...pauses, ...new Array<boolean>(120).fill(false)]) {
        const d = decideDrain({ ...current, intent: { ...current.intent, paused } }, nowMs);
        current = { ...current, status: status(d) };
        nowMs += STEP_MS;
      }
      assert.equal(current.status.weight, target);
      assert.equal(current.status.drain?.phase, target === 0 ? 'Drained' : 'None');
    }),
  );
});
