import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cell, Workspace } from '../../crds/index.ts';
import { workspaceId } from '../contract/ids.ts';
import { drainOrderOf, holdsSlots, isEmptying, workspaceEntryOf } from './orders.ts';

const meta = (resourceVersion: string) => ({
  ...{ name: 'cell-a', namespace: 'demo', uid: 'u', resourceVersion, generation: 3, creationTimestamp: '' },
});
const cell = (resourceVersion: string, status: Cell['status'], drain: Cell['spec']['drain'] = {}): Cell => ({
  apiVersion: 'chatcells.dev/v1alpha1',
  kind: 'Cell',
  metadata: meta(resourceVersion),
  spec: { region: 'r', zone: 'z', drain },
  ...(status ? { status } : {}),
});
const draining = (weight: number, phase: 'Draining' | 'Drained' | 'Blocked' | 'Undraining' = 'Draining') => ({
  ...{ weight, drain: { phase, fromWeight: 80 } },
});

test('how much to keep follows the weight in force', () => {
  const keep = (weight: number): number => drainOrderOf(cell('9', draining(weight)), undefined).keepPercent;
  assert.deepEqual([80, 40, 1, 0].map(keep), [100, 50, 2, 0]);
  assert.equal(drainOrderOf(cell('9', draining(0, 'Drained')), undefined).keepPercent, 0);
  assert.equal(drainOrderOf(cell('9', draining(1, 'Undraining')), undefined).draining, false);
  assert.equal(drainOrderOf(cell('9', undefined), undefined).keepPercent, 100);
});

test('the generation rises when the order changes and only then', () => {
  const first = drainOrderOf(cell('10', draining(40)), undefined);
  assert.equal(first.generation, 10);
  const same = drainOrderOf(cell('11', draining(40)), first);
  assert.equal(same, first);
  assert.equal(drainOrderOf(cell('12', draining(39)), same).generation, 12);
  assert.equal(drainOrderOf(cell('13', { weight: 80 }), same).generation, 13, 'also when the drain ends');
});

test('the generation rises also when a restored API server begins with lower resource versions', () => {
  const before = drainOrderOf(cell('90000', undefined), undefined);
  assert.equal(drainOrderOf(cell('60001', draining(50)), before).generation, 90_001);
});

test('a gateway that is drained alone is named in the order of its cell, under a generation of its own', () => {
  const alone = (...pods: string[]) => ({ drainingGateways: pods.map((pod) => ({ pod, since: '', reason: 'ill' })) });
  const calm = drainOrderOf(cell('10', {}), undefined);
  const named = drainOrderOf(cell('11', alone('g-2', 'g-1')), calm);
  assert.deepEqual([named.generation, named.draining, named.gateways], [11, false, ['g-1', 'g-2']]);
  assert.equal(drainOrderOf(cell('12', alone('g-1', 'g-2')), named), named);
  assert.deepEqual(drainOrderOf(cell('13', {}), named).gateways, []);
});

test('the order carries the step interval and the reason', () => {
  const order = drainOrderOf(cell('1', draining(9), { stepInterval: '500ms', reason: 'practice' }), undefined);
  assert.deepEqual([order.spreadMs, order.reason], [500, 'practice']);
});

test('a cell is emptied only when it is drained to zero', () => {
  assert.equal(isEmptying(cell('1', draining(50), { targetWeight: 0 })), true);
  assert.equal(isEmptying(cell('1', draining(50), { targetWeight: 10 })), false);
  assert.equal(isEmptying(cell('1', draining(1, 'Undraining'), {})), false);
});

test('a drain that is blocked or paused keeps its level; an undrain that is sheds nothing', () => {
  for (const phase of ['Blocked', 'Paused'] as const) {
    const standing = { weight: 40, drain: { phase, fromWeight: 80 } };
    const order = drainOrderOf(cell('1', standing, { targetWeight: 0 }), undefined);
    assert.deepEqual([order.draining, order.keepPercent], [true, 50]);
    assert.equal(isEmptying(cell('1', standing, { targetWeight: 0 })), true);
    assert.equal(drainOrderOf(cell('1', { weight: 40, drain: { phase } }), undefined).draining, false);
  }
  const paused = (status: Cell['status']): boolean => holdsSlots(cell('1', status, { paused: true }));
  assert.deepEqual(
    [paused(draining(40)), paused({ drain: { phase: 'None' } }), paused(undefined)],
    [true, false, false],
  );
  assert.equal(holdsSlots(cell('1', draining(40))), false);
});

test('a drain that is refused at its first step moves no slots, unless the zone is suspect', () => {
  const refused = (weight: number, of: Partial<NonNullable<Cell['status']>> = {}): Cell =>
    cell('1', { weight, drain: { phase: 'Blocked', fromWeight: 80 }, ...of }, { targetWeight: 0 });
  const slots = (c: Cell): [emptying: boolean, held: boolean] => [isEmptying(c), holdsSlots(c)];
  assert.deepEqual(slots(refused(80)), [false, true]);
  assert.deepEqual(slots(refused(79)), [true, false], 'one that is under way keeps its level');
  const condition = { type: 'GrayFailure', status: 'True' as const, reason: 'Draining', message: '' };
  const conditions = [{ ...condition, lastTransitionTime: '' }];
  assert.deepEqual(slots(refused(80, { conditions })), [true, false]);
  const partial = { ...refused(80), spec: { ...refused(80).spec, drain: { targetWeight: 50 } } };
  assert.deepEqual(slots(partial), [false, false], 'a partial drain moves none anyway');
  const undrain = cell('1', { weight: 0, drain: { phase: 'Blocked' } });
  assert.deepEqual(slots(undrain), [false, false]);
});

test('a workspace is told of once it has an id and keys', () => {
  const w = (status?: Workspace['status']): Workspace => ({
    apiVersion: 'chatcells.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { ...meta('5'), name: 'acme' },
    spec: { displayName: 'Acme', ring: 'main' },
    ...(status ? { status } : {}),
  });
  assert.equal(workspaceEntryOf(w()), undefined);
  assert.equal(workspaceEntryOf(w({ workspaceId: workspaceId(5n) })), undefined);
  assert.equal(workspaceEntryOf(w({ workspaceId: 'nonsense', tokenKeys: [{ kid: 'k', x: 'x' }] })), undefined);
  const entry = workspaceEntryOf(w({ workspaceId: workspaceId(5n), tokenKeys: [{ kid: 'k', x: 'x' }] }));
  assert.deepEqual(
    [entry?.name, entry?.ring, entry?.suspended, entry?.generation],
    ['demo/acme', 'demo/main', false, 3],
  );
});
