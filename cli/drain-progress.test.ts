// How long a drain still takes, and how that is said.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { etaOf, Pace } from './drain-pace.ts';
import type { Progress } from './drain-plan.ts';
import { progressLine } from './drain-progress.ts';

const T0 = Date.UTC(2026, 0, 1);
const at = (ms: number): string => new Date(T0 + ms).toISOString();
const progress = (changes: Partial<Progress> = {}): Progress => ({
  ...{ phase: 'moving', weight: 40, target: 0, emptying: true, stepsMs: 80_000 },
  ...{ blocker: undefined, blockedSince: undefined, deadline: undefined },
  ...changes,
});
function paced(...figures: [sockets: number, slots: number][]): Pace {
  const pace = new Pace();
  for (const [n, [sockets, slots]] of figures.entries()) pace.observe({ sockets, slots }, T0 + n * 1000);
  return pace;
}

test('steps alone, until slots are seen to need longer', () => {
  assert.deepEqual(etaOf(progress(), paced([900, 0])), { ms: 80_000, by: 'steps', unknown: false });
  assert.deepEqual(etaOf(progress(), paced([900, 5000], [900, 4990])), { ms: 499_000, by: 'slots', unknown: false });
  assert.deepEqual(etaOf(progress(), paced([900, 5000], [900, 4000])), { ms: 80_000, by: 'steps', unknown: false });
});

test('slots that do not leave give no time', () => {
  assert.deepEqual(etaOf(progress(), paced([900, 5000], [800, 5000])), { ms: 80_000, by: 'steps', unknown: true });
  assert.equal(etaOf(progress(), paced()).unknown, true);
});

test('sockets count at weight 0; nothing but steps does for an undrain or a part of the traffic', () => {
  const zero = progress({ weight: 0, stepsMs: 0 });
  assert.deepEqual(etaOf(zero, paced([100, 0], [90, 0])), { ms: 9000, by: 'sockets', unknown: false });
  assert.deepEqual(etaOf(progress({ emptying: false }), paced()), { ms: 80_000, by: 'steps', unknown: false });
});

test('the pace is that of the last half minute', () => {
  const pace = new Pace();
  pace.observe({ sockets: 0, slots: 10_000 }, T0);
  for (let s = 40; s <= 60; s++) pace.observe({ sockets: 0, slots: 1000 - s }, T0 + s * 1000);
  assert.equal(pace.untilNone('slots'), 940_000);
});

test('the line names weight, what is left, the time, and the deadline', () => {
  const pace = paced([1204, 600], [1204, 512]);
  const line = (p: Progress, figures?: { sockets: number; slots: number }): string =>
    progressLine('cell-b', { progress: p, figures, pace, leaderless: '', nowMs: T0 + 1000 });
  assert.equal(
    line(progress({ deadline: at(61_000) }), { sockets: 1204, slots: 512 }),
    'cell-b  weight 40 % → 0 %  sockets 1,204  slots 512  ETA 1m20s  deadline in 1m',
  );
  const zero = progress({ weight: 0, stepsMs: 0, blocker: 'sockets still have to leave' });
  const unknown = { progress: zero, figures: undefined, pace: paced([9, 0]), leaderless: '', nowMs: T0 };
  assert.match(progressLine('cell-b', { ...unknown, leaderless: 'NO OPERATOR' }), /slots \? {2}NO OPERATOR$/);
  assert.match(progressLine('cell-b', unknown), /slots \? {2}sockets still/);
  const blocked = progress({ phase: 'blocked', blocker: 'no room', blockedSince: at(-59_000), deadline: at(-1000) });
  assert.match(line(blocked), /BLOCKED for 1m: no room {2}OVERDUE by 2s$/);
  assert.match(
    line(progress({ phase: 'paused', blocker: 'Paused at 40 %', blockedSince: at(0) })),
    /PAUSED for 1s, at 40 %/,
  );
});
