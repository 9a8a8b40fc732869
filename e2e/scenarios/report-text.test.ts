/** The report says what the verdicts say, the bad ones above all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportOf } from './report-text.ts';
import type { BatchVerdict } from './verdict.ts';

const verdict = (over: Partial<BatchVerdict>): BatchVerdict => ({
  ...{ scenario: 'failover-kill', holds: true, broken: [], began: '2026-01-02T03:04:05.678Z', commit: 'abc1234' },
  ...{ sent: 10, acknowledged: 10, delivered: 30, resumes: 0, http_requests: 5, http_failures: 0, false_failovers: 0 },
  ...{ lost: 0, duplicated: 0, reordered: 0, foreign: 0, after_kick: 0, log_broken: 0 },
  rounds: [{ faults: 1, seconds: 9, gaps_ms: [2000, 3000], takeovers: 5, slots_of_the_failed: 5, broken: [] }],
  ...over,
});

test('rounds, faults, held batches, losses and gaps are summed over the batches of a scenario', () => {
  const bad = verdict({ holds: false, lost: 2, http_failures: 3, broken: ['lost is 2, not 0'], commit: 'def5678' });
  const text = reportOf([{ name: 'failover-kill', promise: 'P.', verdicts: [verdict({}), bad] }], undefined);
  assert.match(text, /\| `failover-kill` \| 2 \| 2 \| 1 of 2 \| 20 \| 2 \| 3 of 10 \| 2000 \/ 3000 \/ 3000 \(4\) \|/);
  assert.match(text, /- `failover-kill`, 2026-01-02T03:04:05Z, def5678: lost is 2, not 0/);
  assert.match(text, /takeovers 5 to 5/);
  assert.match(text, /Simulation: not part/);
});

test('what was not run is named, and a simulation that failed is not hidden', () => {
  const seeds = { seeds: 10, held: false, seconds: 1, commit: 'abc' };
  const text = reportOf([{ name: 'busy-cores', promise: 'P.', verdicts: [] }], seeds);
  assert.match(text, /## Not run\s+- `busy-cores`/);
  assert.match(text, /AN INVARIANT BROKE/);
});
