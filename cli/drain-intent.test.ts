import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drainIntent, undrainIntent } from './drain-plan.ts';

const drain = {
  ...{ targetWeight: 0, stepPercent: 5, stepInterval: '500ms', deadline: '10m', force: true },
  ...{ reason: 'INC-1', requestedBy: 'ada', paused: true as const, pauseReason: 'wait' },
};
const byHand = { initiator: null };

test('the same drain again keeps pace, deadline, pause, reason, force and who asked', () => {
  assert.deepEqual(drainIntent({}, { drain, requestedBy: 'bob' }), drain);
  assert.equal(drainIntent({ step: '2' }, { drain })?.stepPercent, 2);
  assert.equal(drainIntent({ deadline: '1h' }, { drain })?.deadline, '1h');
});

test('who gives another reason, or forces, is who asks from now on', () => {
  const intent = drainIntent({ reason: 'INC-2' }, { drain, requestedBy: 'bob' });
  assert.deepEqual([intent?.reason, intent?.requestedBy], ['INC-2', 'bob']);
  assert.equal(drainIntent({ force: true, reason: 'x' }, { drain, requestedBy: 'bob' })?.requestedBy, 'bob');
});

test('who only looks on takes no practice or automatic drain over; who asks anew does', () => {
  assert.equal('initiator' in drainIntent({ fast: true }, { drain })!, false);
  assert.equal(drainIntent({ reason: 'INC-2' }, { drain })?.initiator, null);
  assert.equal(drainIntent({ to: '50' }, { drain })?.initiator, null);
});

test('another target begins anew, and is not paused', () => {
  const fresh = {
    ...{ targetWeight: 50, stepPercent: 1, stepInterval: '2s', deadline: null, force: false, ...byHand },
    ...{ reason: null, requestedBy: 'bob', paused: null, pauseReason: null },
  };
  assert.deepEqual(drainIntent({ to: '50' }, { drain, requestedBy: 'bob' }), fresh);
  assert.deepEqual(undrainIntent({}, { drain, requestedBy: 'bob' }), { ...fresh, targetWeight: null });
});

test('an undrain under way keeps its pace', () => {
  const { targetWeight: _, ...underWay } = drain;
  assert.equal(undrainIntent({}, { drain: underWay }, true)?.stepInterval, '500ms');
  assert.equal(undrainIntent({}, { drain: underWay }, false)?.stepInterval, '2s');
});

test('a deadline is a duration that the Cell takes', () => {
  assert.equal(drainIntent({ deadline: '90s' })?.deadline, '90s');
  for (const deadline of ['soon', '10', '500ms', '1d']) assert.equal(drainIntent({ deadline }), undefined, deadline);
});
