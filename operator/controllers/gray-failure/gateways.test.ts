import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideGateways, type GatewayFailureInput, type GatewayPod } from './gateways.ts';

const pod = (name: string, state: Partial<GatewayPod> = {}): GatewayPod => ({
  ...{ name, uid: `uid-${name}`, ready: true, leaving: false, ...state },
});
const bad = (name: string) => ({ pod: name, cell: 'cell-b', why: 'it lost about 12,000 sockets in a minute' });
const NOW = Date.parse('2026-01-01T00:00:00Z');
const draining = (name: string, forMs = 0) => ({
  ...{ pod: name, since: new Date(NOW - forMs).toISOString(), reason: 'ill' },
});
const input = (changes: Partial<GatewayFailureInput> = {}): GatewayFailureInput => ({
  verdicts: [bad('g-1')],
  pods: [pod('g-0'), pod('g-1')],
  draining: [],
  before: undefined,
  cellLeaves: false,
  enabled: true,
  ...changes,
});
const said = (changes: Partial<GatewayFailureInput>, nowMs = NOW) => {
  const { condition, draining: after, evict } = decideGateways(input(changes), nowMs);
  return [condition.status, condition.reason, after.map((d) => d.pod), evict?.name];
};

test('the worst is drained alone, with what it did as the reason', () => {
  const { condition, draining: after, evict } = decideGateways(input(), NOW);
  assert.deepEqual(after, [{ ...draining('g-1'), reason: 'it lost about 12,000 sockets in a minute' }]);
  assert.deepEqual([condition.status, condition.reason, evict], ['True', 'Draining', undefined]);
  assert.match(condition.message, /^g-1: it lost about 12,000 sockets in a minute\. /);
});

test('left alone: none bad, the last that is well, one that leaves anyway, a Cell that is left, switched off', () => {
  const cases: [Partial<GatewayFailureInput>, string][] = [
    [{ verdicts: [] }, 'Healthy'],
    [{ pods: [pod('g-1')] }, 'LastWell'],
    [{ pods: [pod('g-0', { ready: false }), pod('g-1')] }, 'LastWell'],
    [{ pods: [pod('g-0', { leaving: true }), pod('g-1')] }, 'LastWell'],
    [{ verdicts: [bad('g-1'), bad('g-0')] }, 'LastWell'],
    [{ pods: [pod('g-0'), pod('g-1', { leaving: true })] }, 'Healthy'],
    [{ verdicts: [bad('gone')] }, 'Healthy'],
    [{ cellLeaves: true }, 'CellLeaves'],
    [{ enabled: false }, 'Manual'],
  ];
  for (const [changes, reason] of cases)
    assert.deepEqual(said(changes), [reason === 'Healthy' ? 'False' : 'True', reason, [], undefined]);
});

test('what was begun goes on without figures and under a new leader, is evicted in its time, and ends with the Pod', () => {
  const going = { verdicts: undefined, draining: [draining('g-1', 44_999)] };
  assert.deepEqual(said(going), ['True', 'Draining', ['g-1'], undefined]);
  assert.deepEqual(said(going, NOW + 1), ['True', 'Draining', ['g-1'], 'g-1']);
  const late = { draining: [draining('g-1', 60_000)] };
  assert.deepEqual(said({ ...late, pods: [pod('g-0', { ready: false }), pod('g-1')] }).at(-1), undefined);
  assert.deepEqual(said({ ...late, pods: [pod('g-0'), pod('g-1', { leaving: true })] }).at(-1), undefined);
  assert.deepEqual(said({ ...late, pods: [pod('g-0'), pod('g-2')] }), ['False', 'Healthy', [], undefined]);
});

test('without figures what was said stands, and changing figures change no words', () => {
  const manual = decideGateways(input({ enabled: false }), NOW).condition;
  const without = decideGateways(input({ enabled: false, verdicts: undefined, before: manual }), NOW);
  assert.deepEqual(without.condition, manual);
  const other = [{ ...bad('g-1'), why: 'it lost about 13,000 sockets in a minute' }];
  assert.deepEqual(decideGateways(input({ enabled: false, verdicts: other, before: manual }), NOW).condition, manual);
});

test('over any history: at most one at a time, and one that is well always stays', () => {
  const state = fc.record({ ready: fc.boolean(), leaving: fc.boolean() });
  const step = fc.record({
    states: fc.array(state, { minLength: 1, maxLength: 5 }),
    bad: fc.subarray([0, 1, 2, 3, 4]),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let going: GatewayFailureInput['draining'] = [];
      for (const [i, { states, bad: ill }] of steps.entries()) {
        const pods = states.map((s, n) => pod(`g-${n}`, s));
        const verdicts = ill.map((n) => bad(`g-${n}`));
        const decision = decideGateways(input({ pods, verdicts, draining: going }), NOW + i * 20_000);
        assert.ok(decision.draining.length <= 1);
        const well = pods.filter((p) => p.ready && !p.leaving && p.name !== decision.draining[0]?.pod);
        const begun = decision.draining.some((d) => !going.some((g) => g.pod === d.pod));
        if (begun || decision.evict) assert.ok(well.length > 0);
        if (begun) assert.ok(well.some((p) => !verdicts.some((v) => v.pod === p.name)));
        going = [...decision.draining];
      }
    }),
  );
});
