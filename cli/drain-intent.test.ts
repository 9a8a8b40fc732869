import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drainIntent, undrainIntent } from './drain-plan.ts';

const present = { targetWeight: 0, stepPercent: 5, stepInterval: '500ms', reason: 'INC-1', force: true };
const byHand = { initiator: null };

test('the same drain again keeps pace, reason and force that are not given', () => {
  assert.deepEqual(drainIntent({}, present), { ...present, ...byHand });
  assert.equal(drainIntent({ step: '2' }, present)?.stepPercent, 2);
  assert.equal(drainIntent({ reason: 'INC-2' }, present)?.reason, 'INC-2');
});

test('another target begins anew', () => {
  const fresh = { targetWeight: 50, stepPercent: 1, stepInterval: '2s', reason: null, force: false, ...byHand };
  assert.deepEqual(drainIntent({ to: '50' }, present), fresh);
  assert.deepEqual(undrainIntent({}, present), { ...fresh, targetWeight: null });
});

test('an undrain under way keeps its pace', () => {
  const { targetWeight: _, ...underWay } = present;
  assert.equal(undrainIntent({}, underWay, true)?.stepInterval, '500ms');
  assert.equal(undrainIntent({}, underWay, false)?.stepInterval, '2s');
});
