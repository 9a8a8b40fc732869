import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cell } from '../crds/index.ts';
import { type CellLoad, commandFor, drainIntent, progressOf, refusal, undrainIntent } from './drain-plan.ts';

function cell(name: string, spec: Partial<Cell['spec']> = {}, status: Cell['status'] = {}): Cell {
  const metadata = { name, namespace: 'n', uid: name, resourceVersion: '1', generation: 1, creationTimestamp: '' };
  return {
    ...{ apiVersion: 'chatcells.dev/v1alpha1', kind: 'Cell', metadata, status },
    spec: { region: 'r', zone: name, ...spec },
  };
}
const load = (name: string, sockets: number, capacity: number): CellLoad => ({
  ...{ cell: name, sockets, capacity, weightInForce: 100 },
});

test('options become the patch of spec.drain', () => {
  assert.deepEqual(drainIntent({ fast: true, reason: 'INC-1' }), {
    ...{ targetWeight: 0, stepPercent: 1, stepInterval: '500ms', reason: 'INC-1', initiator: null, force: false },
    ...{ deadline: null, paused: null, pauseReason: null, requestedBy: null },
  });
  assert.equal(undrainIntent({})?.targetWeight, null);
  for (const options of [{ to: '101' }, { to: '-1' }, { step: '0' }, { step: 'x' }])
    assert.equal(drainIntent(options), undefined, JSON.stringify(options));
});

test('the last Cell that takes traffic is not drained, force or not', () => {
  const drained = cell('b', { drain: { targetWeight: 0 } }, { weight: 0 });
  const input = { cell: cell('a'), others: [drained], target: 0, loads: undefined };
  assert.match(refusal({ ...input, force: true }) ?? '', /no other Cell takes traffic/);
  assert.equal(refusal({ ...input, others: [cell('b')], force: false }), undefined);
});

test('a drain is refused when the others have no room, unless forced', () => {
  const input = { cell: cell('a', {}, { weight: 100 }), others: [cell('b')], target: 0 };
  const loads = [load('a', 900, 1000), load('b', 500, 1000)];
  assert.match(refusal({ ...input, force: false, loads }) ?? '', /900 sockets .* room for 500/);
  assert.equal(refusal({ ...input, force: true, loads }), undefined);
  assert.equal(refusal({ ...input, target: 50, force: false, loads }), undefined); // 450 fit into 500
  const going = [cell('b', { drain: { targetWeight: 60 } }, { weight: 100 })];
  assert.match(refusal({ ...input, others: going, force: false, loads }) ?? '', /room for 100:/, 'b goes to 60 %');
  const drains = cell('c', { drain: { targetWeight: 0 } }, { weight: 50, drain: { phase: 'Draining' } });
  const busy = { ...input, others: [cell('b'), drains], force: false, loads: [...loads, load('c', 300, 1000)] };
  assert.match(refusal(busy) ?? '', /room for 200:/, 'c has 300 to move there');
});

test('progress: done only when the cell is empty, with the blocker named', () => {
  const spec = { drain: { targetWeight: 0, stepPercent: 1, stepInterval: '2s' } };
  assert.deepEqual(progressOf(cell('a', spec, { weight: 40, drain: { phase: 'Draining' } })), {
    ...{ phase: 'moving', weight: 40, target: 0, emptying: true, stepsMs: 80_000 },
    ...{ blocker: undefined, blockedSince: undefined, deadline: undefined },
  });
  assert.equal(
    progressOf(cell('a', spec, { weight: 0, drain: { phase: 'Draining', blocker: 'slots' } })).phase,
    'moving',
  );
  assert.equal(progressOf(cell('a', spec, { weight: 0, drain: { phase: 'Drained' } })).phase, 'done');
  assert.equal(
    progressOf(cell('a', spec, { weight: 9, drain: { phase: 'Blocked', blocker: 'room' } })).blocker,
    'room',
  );
  assert.equal(progressOf(cell('a', spec, { weight: 9, drain: { phase: 'Paused' } })).phase, 'paused');
  assert.equal(progressOf(cell('a', {}, { weight: 100, drain: { phase: 'None' } })).phase, 'done');
});

test('the next command goes to the same target, at the same pace', () => {
  assert.equal(commandFor('cell-b', { targetWeight: 0 }), 'chatctl drain cell-b');
  assert.equal(
    commandFor('cell-b', { targetWeight: 50 }, { fast: true, step: '5', force: true, reason: 'INC-1 "b"' }),
    'chatctl drain cell-b --to 50 --fast --step 5 --force --reason "INC-1 \\"b\\""',
  );
  assert.equal(commandFor('cell-b', { targetWeight: null }, { fast: true }), 'chatctl undrain cell-b --fast');
});
