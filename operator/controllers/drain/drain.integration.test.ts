/** Drains, undrains and practice drains of a running operator. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { refusedStatus } from '../../../cells/contract/kube/client.ts';
import type { EventRecorder } from '../../../cells/contract/kube/events.ts';
import { eventually } from '../../../cells/contract/kube/eventually.test-support.ts';
import { conditionOf, isTrue, OperatorBed, USER } from '../../bed.test-support.ts';
import type { LiveFigures } from '../../live-figures.ts';
import { Newest } from '../../runtime/newest.ts';
import { drainController } from './controller.ts';

const bed = new OperatorBed();
before(async () => {
  await bed.start(process.env);
  await bed.install();
});
after(() => bed.close());

test('a drain is paused at its weight and overdue, says both, and goes on when it is resumed', async () => {
  bed.controlplane.set('cell-b', { sockets: 100, slots: 8192 });
  const pace = { stepPercent: 10, stepInterval: '100ms', deadline: '1s' };
  await bed.patchSpec('cell-b', { drain: { targetWeight: 0, ...pace } });
  await eventually(async () => assert.ok(((await bed.cell('cell-b')).status?.weight ?? 100) < 90));
  await bed.patchSpec('cell-b', { drain: { paused: true, pauseReason: 'watching' } });
  await eventually(async () => assert.equal((await bed.cell('cell-b')).status?.drain?.phase, 'Paused'));
  const paused = await bed.cell('cell-b');
  assert.match(paused.status?.drain?.blocker ?? '', /on the way to 0 %: watching/);
  await eventually(async () => assert.ok(isTrue(await bed.cell('cell-b'), 'DrainOverdue')));
  assert.equal((await bed.cell('cell-b')).status?.weight, paused.status?.weight);
  await bed.patchSpec('cell-b', { drain: { paused: null, pauseReason: null } });
  await eventually(async () => assert.equal((await bed.cell('cell-b')).status?.weight, 0), 60_000);
  await bed.patchSpec('cell-b', { drain: { targetWeight: null, deadline: null } });
  await eventually(async () => assert.equal((await bed.cell('cell-b')).status?.drain?.phase, 'None'), 60_000);
  assert.equal(isTrue(await bed.cell('cell-b'), 'DrainOverdue'), false);
  await bed.told(paused, ['Paused', 'DeadlineExceeded', 'Resumed']);
});

test('a practice drain runs when it is asked to, gives up when requests fail, and takes its drain back when it is deleted', async () => {
  await bed.patchSpec('cell-b', { drain: { stepPercent: 30, stepInterval: '500ms' } });
  await bed.apply('PracticeDrain', 'weekly', {
    ...{ cells: ['cell-b'], hypothesis: 'no request fails', schedule: '0 3 * * 2' },
    drain: { stepPercent: 50, stepInterval: '100ms', hold: '1s' },
  });
  await eventually(async () => assert.match((await bed.practice('weekly'))?.status?.nextRunAt ?? '', /T03:00:00/));
  const run = () =>
    bed.client.mergePatch(bed.ref('PracticeDrain', 'weekly'), { spec: { runAt: new Date().toISOString() } }, USER);
  const outcomeOf = async (n: number) => {
    const { history = [], run: under } = (await bed.practice('weekly')).status ?? {};
    assert.deepEqual([history.length, under], [n, undefined]);
    return history[0];
  };
  const isBack = () =>
    eventually(async () => {
      const { spec, status } = await bed.cell('cell-b');
      const { targetWeight, initiator, stepPercent } = spec.drain ?? {};
      assert.deepEqual([targetWeight, initiator, stepPercent, status?.weight], [undefined, undefined, 30, 100]);
    }, 60_000);
  bed.controlplane.set('cell-b', { sockets: 0, slots: 0 });
  await run();
  await eventually(async () => assert.equal((await bed.cell('cell-b')).spec.drain?.initiator, 'PracticeDrain'));
  const first = await eventually(() => outcomeOf(1), 60_000);
  assert.deepEqual([first?.outcome, first?.cell, first?.lowestWeight], ['Succeeded', 'cell-b', 0]);
  assert.ok(isTrue(await bed.practice('weekly'), 'LastRunSucceeded'));
  await isBack();

  bed.controlplane.set('cell-b', { sockets: 10, slots: 10 }); // so that it is not drained at once
  await run();
  await eventually(async () => assert.equal((await bed.practice('weekly')).status?.phase, 'Draining'));
  bed.controlplane.set('cell-a', { errorRate: 0.5 });
  const second = await eventually(() => outcomeOf(2), 60_000);
  assert.deepEqual([second?.outcome, second?.reason], ['Aborted', 'ErrorBudget']);
  await isBack();
  bed.controlplane.set('cell-a', { errorRate: 0 });
  await bed.controlplane.askedForCells(); // by an answer of before the next run would be skipped

  await run();
  await eventually(async () => assert.equal((await bed.cell('cell-b')).spec.drain?.initiator, 'PracticeDrain'), 60_000);
  const before = await bed.practice('weekly');
  await bed.client.delete(bed.ref('PracticeDrain', 'weekly'));
  await eventually(async () => (await bed.client.get(bed.ref('PracticeDrain', 'weekly'))) === undefined, 60_000);
  await isBack();
  bed.controlplane.set('cell-b', { sockets: 100, slots: 8192 });
  await bed.told(before, ['PracticeStarted', 'PracticeReached', 'PracticeSucceeded', 'PracticeAborted']);
});

test('what a leader decided on before it was stopped is not written over what has been done since', async () => {
  const before = await bed.cell('cell-b');
  await bed.patchSpec('cell-b', { drain: { targetWeight: null, stepPercent: 40 } });
  const late = drainController({
    client: bed.client,
    cells: new Newest(
      new Map([['old', { ...before, spec: { ...before.spec, drain: { targetWeight: 0, force: true } } }]]),
    ),
    events: { record: () => Promise.resolve() } as Partial<EventRecorder> as EventRecorder,
    nowMs: Date.now,
    figures: { cells: async () => [] } as Partial<LiveFigures> as LiveFigures,
  });
  await assert.rejects(
    late.reconcile('old', { log: pino({ level: 'silent' }), signal: new AbortController().signal }),
    (e) => refusedStatus(e) === 409,
  );
  assert.deepEqual((await bed.cell('cell-b')).status?.drain, before.status?.drain);
});

test('a drain is carried on by the next operator, blocks without room, and ends when the cell is empty', async () => {
  bed.controlplane.set('cell-a', { sockets: 4990 });
  await bed.controlplane.askedForCells(); // an answer of before is taken for a moment longer
  await bed.patchSpec('cell-b', { drain: { targetWeight: 0, stepPercent: 10, stepInterval: '100ms', reason: 'test' } });
  await eventually(async () =>
    assert.equal(conditionOf(await bed.cell('cell-b'), 'CapacityBlocked')?.reason, 'NoRoom'),
  );
  assert.equal((await bed.cell('cell-b')).status?.weight, 100);
  bed.controlplane.set('cell-a', { sockets: 100 });
  await eventually(async () => assert.ok(((await bed.cell('cell-b')).status?.weight ?? 100) < 90));
  await bed.stopOperator();
  const stopped = (await bed.cell('cell-b')).status;
  await bed.startOperator();
  await eventually(async () => assert.equal((await bed.cell('cell-b')).status?.weight, 0), 60_000);
  const going = await bed.cell('cell-b');
  assert.equal(going.status?.drain?.startedAt, stopped?.drain?.startedAt);
  assert.equal(going.status?.drain?.fromWeight, 100);
  assert.equal(isTrue(going, 'Drained'), false);
  bed.controlplane.set('cell-b', { sockets: 0, slots: 0 });
  await eventually(async () => assert.ok(isTrue(await bed.cell('cell-b'), 'Drained')));
  await bed.told(going, ['DrainStarted', 'NoRoom', 'Drained']);
});

test('an undrain takes the drain back', async () => {
  await bed.patchSpec('cell-b', { drain: { targetWeight: null, stepPercent: 50, stepInterval: '100ms' } });
  await eventually(async () => {
    const { status } = await bed.cell('cell-b');
    assert.deepEqual([status?.weight, status?.drain?.phase], [100, 'None']);
  });
});
