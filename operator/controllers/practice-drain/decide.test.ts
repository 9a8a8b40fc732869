import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drainIntent, released, undrainIntent } from './intent.ts';
import { DUE, MINUTE, PracticeWorld, specOf, T0 } from './practice.test-support.ts';

const last = (world: PracticeWorld) => world.status().lastRun;
const outcome = (world: PracticeWorld) => [last(world)?.outcome, last(world)?.reason];
const isOver = (world: PracticeWorld) => (): boolean => last(world) !== undefined;
/** A world whose practice has drained its Cell. */
function holding(): PracticeWorld {
  const world = new PracticeWorld();
  world.run(() => world.status().phase === 'Holding');
  return world;
}
const isUntouched = (world: PracticeWorld, name = 'cell-b'): void => {
  const { drain, weight } = world.cell(name);
  assert.deepEqual([drain.targetWeight, drain.initiator, drain.reason], [undefined, undefined, undefined]);
  assert.deepEqual([drain.stepPercent, drain.stepInterval, drain.maxErrorRate, weight], [1, '2s', '0.01', 100]);
};

test('a practice drains its Cell when it is due, holds it, gives it back and says how it went', () => {
  const world = new PracticeWorld();
  world.run(() => world.nowMs >= DUE);
  assert.equal(world.status().nextRunAt, new Date(DUE).toISOString());
  world.run(() => world.cell('cell-b').weight === 0);
  const { drain } = world.cell('cell-b');
  assert.deepEqual([drain.targetWeight, drain.initiator, drain.stepPercent], [0, 'PracticeDrain', 25]);
  assert.equal(drain.reason, 'Practice weekly: no request fails');
  world.cell('cell-a').errorRate = 0.004;
  world.run(isOver(world));
  assert.deepEqual(outcome(world), ['Succeeded', 'Held']);
  assert.deepEqual([last(world)?.lowestWeight, last(world)?.peakErrorRate], [0, '0.004']);
  assert.ok(Date.parse(last(world)!.finishedAt) - Date.parse(last(world)!.reachedAt!) >= 2 * MINUTE);
  isUntouched(world);
  assert.deepEqual(world.events, ['PracticeStarted', 'PracticeReached', 'PracticeSucceeded']);
  assert.deepEqual(world.status().run, undefined);
  assert.equal(world.status().conditions?.find((c) => c.type === 'LastRunSucceeded')?.status, 'True');
  assert.equal(world.status().nextRunAt, new Date(DUE + 7 * 24 * 60 * MINUTE).toISOString());
});

test('the Cells take turns; a drain to a part of the traffic is reached as well', () => {
  const world = new PracticeWorld({ weekly: specOf({ targetWeight: 50 }) });
  world.run(isOver(world));
  assert.deepEqual([outcome(world)[0], last(world)?.cell, last(world)?.lowestWeight], ['Succeeded', 'cell-b', 50]);
  world.nowMs = DUE + 7 * 24 * 60 * MINUTE;
  world.run(() => world.status().history?.length === 2);
  assert.equal(last(world)?.cell, 'cell-c');
});

const objections: [what: string, reason: string, make: (w: PracticeWorld) => void][] = [
  ['another Cell drains', 'AnotherDrain', (w) => w.setDrain('cell-a', { targetWeight: 0 })],
  ['another Cell is on its way back', 'AnotherDrain', (w) => Object.assign(w.cell('cell-a'), { phase: 'Undraining' })],
  ['a Cell is being deleted', 'AnotherDrain', (w) => Object.assign(w.cell('cell-c'), { deleting: true })],
  ['a Cell is Degraded', 'Degraded', (w) => Object.assign(w.cell('cell-c'), { degraded: true })],
  ['a zone is suspect', 'GrayFailure', (w) => Object.assign(w.cell('cell-c'), { suspect: true })],
  ['requests fail', 'ErrorBudget', (w) => Object.assign(w.cell('cell-a'), { errorRate: 0.02 })],
  [
    'too little would serve',
    'CapacityFloor',
    (w) => Object.assign(w.cell('cell-a'), { capacity: 50_000, ready: false }),
  ],
];
for (const [what, reason, make] of objections) {
  test(`${what}: a run is skipped, and one under way is given up and taken back`, () => {
    const before = new PracticeWorld();
    before.nowMs = DUE;
    make(before);
    before.decide();
    assert.deepEqual(outcome(before), ['Skipped', reason]);
    assert.deepEqual([before.events, before.cell('cell-b').drain.targetWeight], [['PracticeSkipped'], undefined]);
    const during = holding();
    make(during);
    during.decide();
    assert.deepEqual([during.status().run?.outcome, during.status().run?.reason], ['Aborted', reason]);
    during.run(isOver(during));
    assert.deepEqual(outcome(during), ['Aborted', reason]);
    isUntouched(during);
    assert.ok(during.events.includes('PracticeAborted'));
  });
}

test('a run is skipped without room, figures or a ready Cell, and while another practice runs', () => {
  for (const [reason, changes] of [
    ['NoRoom', { sockets: 20_000 }],
    ['FiguresUnknown', { sockets: undefined }],
    ['NotReady', { ready: false }],
    ['NothingToDrain', { weight: 0, normalWeight: 0 }],
  ] as const) {
    const world = new PracticeWorld();
    world.nowMs = DUE;
    Object.assign(world.cell('cell-b'), changes);
    world.decide();
    assert.deepEqual(outcome(world), ['Skipped', reason]);
  }
  const two = new PracticeWorld({ one: specOf(), two: specOf({ cells: ['cell-c'] }) });
  two.run(() => two.status('one').lastRun !== undefined);
  assert.equal(two.status('two').lastRun?.reason, 'AnotherPractice');
  assert.equal(two.status('one').lastRun?.outcome, 'Succeeded');
});

test('a time that passed unseen is skipped once, and said; within the deadline it runs late', () => {
  const missed = new PracticeWorld();
  missed.nowMs = DUE + 6 * MINUTE;
  missed.decide();
  assert.deepEqual(outcome(missed), ['Skipped', 'Missed']);
  missed.decide();
  assert.equal(missed.status().history?.length, 1);
  const late = new PracticeWorld();
  late.nowMs = DUE + 4 * MINUTE;
  late.decide();
  assert.equal(late.status().phase, 'Starting');
});

test('suspended, only runAt starts it; a schedule that is none is said', () => {
  const world = new PracticeWorld({ weekly: specOf({ suspend: true, runAtMs: DUE + 10 * MINUTE }) });
  world.nowMs = DUE + MINUTE;
  world.decide();
  assert.deepEqual([world.status().phase, world.status().run], ['Suspended', undefined]);
  world.run(isOver(world));
  assert.equal(outcome(world)[0], 'Succeeded');
  world.run(() => world.nowMs > DUE + 60 * MINUTE);
  assert.equal(world.status().history?.length, 1, 'runAt is run once');
  const broken = new PracticeWorld({ weekly: specOf({ schedule: '0 25 * * *' }) });
  broken.decide();
  assert.equal(broken.status().conditions?.find((c) => c.type === 'Ready')?.reason, 'InvalidSchedule');
});

test('schedules are of their time zone', () => {
  const world = new PracticeWorld({ weekly: specOf({ timeZone: 'Europe/Berlin' }) });
  world.decide();
  assert.equal(world.status().nextRunAt, new Date(DUE - 60 * MINUTE + 7 * 24 * 60 * MINUTE).toISOString());
});

test('a person who undrains, drains or pauses the Cell is not contradicted', () => {
  const undrained = holding();
  undrained.setDrain('cell-b', { stepPercent: 7 });
  undrained.run(isOver(undrained));
  assert.deepEqual(outcome(undrained), ['Aborted', 'Overruled']);
  assert.deepEqual(undrained.cell('cell-b').drain, { stepPercent: 7 });
  const drained = holding();
  const byHand = { targetWeight: 0, reason: 'INC-1' };
  drained.setDrain('cell-b', byHand);
  drained.run(isOver(drained));
  assert.deepEqual([outcome(drained)[1], drained.cell('cell-b').drain], ['Overruled', byHand]);
  const paused = holding();
  paused.setDrain('cell-b', { ...paused.cell('cell-b').drain, paused: true });
  paused.run(isOver(paused));
  const { targetWeight, initiator, paused: stands } = paused.cell('cell-b').drain;
  assert.deepEqual([outcome(paused)[1], targetWeight, initiator, stands], ['PausedByPerson', 0, undefined, true]);
});

test('one whose drain could not be written for the time that it may be late ends', () => {
  const world = new PracticeWorld();
  world.nowMs = DUE;
  world.decide();
  assert.equal(world.status().phase, 'Starting');
  world.nowMs = DUE + 5 * MINUTE + 1;
  world.decide();
  assert.deepEqual([outcome(world), world.status().run], [['Aborted', 'Missed'], undefined]);
  assert.equal(world.cell('cell-b').drain.targetWeight, undefined);
});

test('one that somebody forces on is taken back without force, for which there is no reason any more', () => {
  const input = new PracticeWorld({ weekly: specOf({ maxErrorRate: 0.0000001 }) }).inputs.get('weekly')!;
  const drain = { ...drainIntent({ mode: 'Manual' }, input), force: true };
  assert.equal(drain.maxErrorRate, '0.0000001');
  const run = { cell: 'cell-b', startedAt: '', generation: 1, targetWeight: 0, pace: {} };
  for (const after of [undrainIntent(drain, { hurry: true, intervalMs: 500 }), released(drain, run)])
    assert.deepEqual([after.force, after.reason], [false, undefined]);
});

test('a Cell that somebody changed before the drain was written is left alone', () => {
  const world = new PracticeWorld();
  world.nowMs = DUE;
  world.decide();
  world.setDrain('cell-b', { targetWeight: 50 });
  world.decide();
  assert.deepEqual([outcome(world), world.cell('cell-b').drain], [['Aborted', 'Overruled'], { targetWeight: 50 }]);
});

test('when the zone of the drained Cell turns suspect its traffic stays away', () => {
  for (const [mode, initiator] of [
    ['Auto', 'GrayFailure'],
    ['Manual', undefined],
  ] as const) {
    const world = holding();
    world.cell('cell-b').drain.mode = mode;
    world.cell('cell-b').suspect = true;
    world.run(isOver(world));
    const { drain } = world.cell('cell-b');
    assert.deepEqual(outcome(world), ['Aborted', 'GrayFailure']);
    assert.deepEqual([drain.targetWeight, drain.initiator, drain.stepInterval], [0, initiator, '2s']);
    assert.match(drain.reason ?? '', /^Left by practice weekly: The zone of cell-b is suspect/);
  }
});

test('given up, the traffic comes back in a hurry; deleted, the practice takes its drain back and goes', () => {
  const world = new PracticeWorld({ weekly: specOf({ stepInterval: '5s' }) });
  world.run(() => world.status().phase === 'Holding');
  world.cell('cell-a').errorRate = 0.5;
  world.decide();
  world.decide();
  assert.deepEqual(
    [world.cell('cell-b').drain.stepInterval, world.cell('cell-b').drain.targetWeight],
    ['500ms', undefined],
  );
  const deleted = holding();
  deleted.inputs.set('weekly', { ...deleted.inputs.get('weekly')!, deleting: true });
  deleted.run(() => deleted.inputs.size === 0);
  deleted.run(() => deleted.cell('cell-b').weight === 100);
  isUntouched(deleted);
});

test('a drain that is blocked is given up: at once, but for figures that are away for a moment', () => {
  const world = new PracticeWorld();
  world.run(() => world.cell('cell-b').weight === 50);
  const { nowMs } = world;
  Object.assign(world.cell('cell-b'), { blocked: { reason: 'FiguresUnknown', message: 'x', sinceMs: nowMs } });
  world.decide();
  assert.equal(world.status().phase, 'Draining');
  world.nowMs = nowMs + 30_000;
  world.decide();
  assert.equal(world.status().run?.reason, 'FiguresUnknown');
  const other = new PracticeWorld();
  other.run(() => other.cell('cell-b').weight === 50);
  Object.assign(other.cell('cell-b'), { blocked: { reason: 'NoRoom', message: 'x', sinceMs: other.nowMs } });
  other.decide();
  assert.deepEqual([other.status().run?.reason, other.status().run?.lowestWeight], ['NoRoom', 50]);
});

test('too long, or not back in time: it ends all the same', () => {
  const slow = new PracticeWorld({ weekly: specOf({ maxDurationMs: MINUTE, holdMs: 2 * MINUTE }) });
  slow.run(isOver(slow));
  assert.deepEqual(outcome(slow), ['Aborted', 'TooLong']);
  const short = new PracticeWorld({ weekly: specOf({ maxDurationMs: 2000, holdMs: 1000, stepPercent: 5 }) });
  short.run(() => short.status().run?.outcome !== undefined);
  short.pass(1000);
  const lowest = short.cell('cell-b').weight;
  short.decide(); // takes it back
  short.decide(); // looks at what it was
  short.run(isOver(short));
  assert.deepEqual([outcome(short)[1], last(short)?.lowestWeight], ['TooLong', lowest], 'there is time to come back');
  const stuck = holding();
  stuck.run(() => stuck.cell('cell-b').drain.targetWeight === undefined);
  stuck.setDrain('cell-b', { ...stuck.cell('cell-b').drain, paused: true });
  stuck.run(isOver(stuck));
  assert.deepEqual(outcome(stuck), ['Failed', 'NotUndone']);
  assert.equal(stuck.cell('cell-b').drain.initiator, undefined);
  assert.ok(stuck.nowMs < T0 + 2 * 60 * MINUTE);
});
