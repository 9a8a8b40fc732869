/** A batch holds only if everything in it does: each thing that may be wrong breaks it by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RoundFigures } from './round.ts';
import { judge, mergeRuns, quantile } from './verdict.ts';

const ROUND: RoundFigures = {
  ...{ faults: 1, seconds: 12, gaps_ms: [2400, 2600], takeovers: 100, slots_of_the_failed: 100 },
  broken: [],
};
const GOOD = {
  ...{ scenario: 'failover-kill', began: '2026-01-01T00:00:00Z', commit: 'abc', requestsMayFail: false },
  rounds: [ROUND, ROUND],
  load: { sent: 100, acknowledged: 100, delivered: 300, resumes: 3, http_requests: 50, http_failures: 0 },
  failures: [],
  checked: {
    ...{ holds: true, clients: 60, sent: 100, acknowledged: 100, delivered: 300, raw_duplicates: 0, resumes: 3 },
    ...{ lost: 0, duplicated: 0, reordered: 0, foreign: 0, after_kick: 0, log_broken: 0 },
    findings: [],
  },
};

test('a good batch holds', () => {
  assert.deepEqual(judge(GOOD).broken, []);
  assert.equal(judge(GOOD).holds, true);
  assert.equal(judge(GOOD).false_failovers, 0);
});

for (const kind of ['lost', 'duplicated', 'reordered', 'foreign', 'after_kick', 'log_broken'] as const)
  test(`one event ${kind} breaks it`, () => {
    const verdict = judge({ ...GOOD, checked: { ...GOOD.checked, [kind]: 1 } });
    assert.deepEqual(verdict.broken, [`${kind} is 1, not 0`]);
    assert.equal(verdict.holds, false);
  });

test('what a round says is broken, with the number of the round', () => {
  const verdict = judge({ ...GOOD, rounds: [ROUND, { ...ROUND, broken: ['too slow'] }] });
  assert.deepEqual(verdict.broken, ['round 2: too slow']);
});

test('a takeover of one round does not make up for the false one of another', () => {
  const rounds = [
    { ...ROUND, takeovers: 90 },
    { ...ROUND, takeovers: 103 },
  ];
  const verdict = judge({ ...GOOD, rounds });
  assert.equal(verdict.false_failovers, 3);
  assert.equal(verdict.holds, false);
});

test('a failed request breaks it, unless the fault leaves no way to answer', () => {
  const failing = { ...GOOD, load: { ...GOOD.load, http_failures: 2 }, failures: ['edge: HTTP 503'] };
  assert.deepEqual(judge(failing).broken, ['2 requests failed, the first: edge: HTTP 503']);
  assert.equal(judge({ ...failing, requestsMayFail: true }).holds, true);
});

test('a batch without load, without rounds, or that was ended by an error does not hold', () => {
  assert.equal(judge({ ...GOOD, load: { ...GOOD.load, acknowledged: 0 } }).holds, false);
  assert.equal(judge({ ...GOOD, rounds: [] }).holds, false);
  assert.deepEqual(judge({ ...GOOD, error: 'not within 30 s' }).broken, ['not within 30 s']);
});

test('runs of another day are kept, oldest first, and a batch that comes again counts once', () => {
  const batch = (began: string, scenario = 'failover-kill') => judge({ ...GOOD, began, scenario });
  const kept = [batch('2026-01-02T00:00:00Z')];
  const fresh = [batch('2026-01-02T00:00:00Z'), batch('2026-01-01T00:00:00Z'), batch('2026-01-02T00:00:00Z', 'x')];
  assert.deepEqual(
    mergeRuns(kept, fresh).map((v) => [v.began.slice(0, 10), v.scenario]),
    [
      ['2026-01-01', 'failover-kill'],
      ['2026-01-02', 'failover-kill'],
      ['2026-01-02', 'x'],
    ],
  );
});

test('quantile: the smallest value that the share does not exceed', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.equal(quantile(values, 0.99), 99);
  assert.equal(quantile(values, 0.5), 50);
  assert.equal(quantile(values, 1), 100);
  assert.equal(quantile([7], 0.01), 7);
  assert.equal(quantile([], 0.5), undefined);
});
