import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Figures, type GrayFigures, judge } from './verdict.ts';

const good: Figures = {
  sent: 6000,
  acknowledged: 6000,
  delivered: 100_000,
  raw_duplicates: 3,
  lost: 0,
  duplicated: 0,
  reordered: 0,
  foreign: 0,
  after_kick: 0,
  http_failures: 0,
  resumes: 100,
  slots_handed_off: 5000,
  killed_server_slots: 2700,
  false_failovers: 0,
  drain_seconds: 52,
  failover_gap_ms: 2600,
  sockets_left: 0,
  slots_left: 0,
};
const thresholds = { acknowledged: 5000, resumes: 50, gray: false };
const gray: GrayFigures = {
  ...{ gray_detected_s: 44, gray_drained_s: 80, gray_hand: 0, gray_sockets_left: 0, gray_slots_left: 0 },
  http_failures_gray: 7,
};

test('a run in which everything was measured and nothing lost holds', () => {
  assert.deepEqual(judge(good, thresholds), { holds: true, broken: [], ...good });
});

test('each figure out of its bound breaks the verdict and is named', () => {
  const bad: Partial<Figures> = {
    acknowledged: 4999,
    resumes: 49,
    slots_handed_off: 0,
    killed_server_slots: 0,
    lost: 1,
    duplicated: 1,
    reordered: 1,
    foreign: 1,
    after_kick: 1,
    http_failures: 1,
    false_failovers: 1,
    sockets_left: 1,
    slots_left: 1,
    drain_seconds: Number.NaN,
  };
  for (const [key, value] of Object.entries(bad)) {
    const verdict = judge({ ...good, [key]: value }, thresholds);
    assert.equal(verdict.holds, false, key);
    assert.match(verdict.broken.join('\n'), new RegExp(`^${key} `, 'm'));
  }
});

test('a gray failure that is part of the run has to drain itself; requests that failed through lost packets are told', () => {
  const judged = (changes: Partial<GrayFigures>) =>
    judge({ ...good, ...gray, ...changes }, { ...thresholds, gray: true });
  assert.deepEqual([judged({}).holds, judged({}).http_failures_gray], [true, 7]);
  const bad: Partial<GrayFigures> = {
    ...{ gray_detected_s: Number.NaN, gray_drained_s: Number.NaN, gray_hand: 1 },
    ...{ gray_sockets_left: 2, gray_slots_left: 3 },
  };
  for (const [key, value] of Object.entries(bad))
    assert.match(judged({ [key]: value }).broken.join('\n'), new RegExp(`^${key} `, 'm'));
  assert.equal(judge(good, { ...thresholds, gray: true }).holds, false, 'it did not happen');
});
