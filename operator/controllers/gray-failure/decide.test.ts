import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BadZone } from '../../../cells/health/judge.ts';
import { decideGrayFailure, type GrayFailureDecision, type GrayFailureInput } from './decide.ts';

const evidence: BadZone = { zone: 'zone-b', observers: ['zone-a', 'zone-c'], hops: ['owner'], errorRate: 0.314 };

const input = (changes: Partial<GrayFailureInput> = {}): GrayFailureInput => ({
  zone: 'zone-b',
  deleting: false,
  drain: { mode: 'Auto' },
  before: undefined,
  suspect: { evidence },
  drainingZone: undefined,
  remainingCapacity: 2 / 3,
  capacityFloor: 0.5,
  ...changes,
});
const said = ({ condition: { status, reason }, drain }: GrayFailureDecision) => [status, reason, drain?.targetWeight];

test('Auto: the Cell of a suspect zone is drained, with the figures as the reason', () => {
  const d = decideGrayFailure(input());
  assert.deepEqual(said(d), ['True', 'Draining', 0]);
  assert.equal(d.drain?.initiator, 'GrayFailure');
  assert.match(d.drain?.reason ?? '', /31 % .*zone-b.*owner.*zone-a and zone-c/);
});

test('left alone: a healthy zone, Manual, another zone that drains, too little left, a Cell that goes, one that is drained', () => {
  const cases: [Partial<GrayFailureInput>, string][] = [
    [{ suspect: undefined }, 'Healthy'],
    [{ drain: { mode: 'Manual' } }, 'Manual'],
    [{ drain: {} }, 'Manual'],
    [{ drainingZone: 'zone-c' }, 'OneZoneAtATime'],
    [{ remainingCapacity: 0.49 }, 'CapacityFloor'],
    [{ deleting: true }, 'Deleting'],
    [{ drain: { mode: 'Auto', targetWeight: 0, reason: 'by hand' } }, 'Draining'],
    [{ drain: { mode: 'Auto', targetWeight: 50 } }, 'PartlyDrained'],
    [{ drain: { mode: 'Auto', targetWeight: 0, paused: true } }, 'DrainPaused'],
  ];
  for (const [changes, reason] of cases) {
    const d = decideGrayFailure(input(changes));
    assert.deepEqual([d.condition.reason, d.drain], [reason, undefined]);
    assert.equal(d.condition.status, reason === 'Healthy' ? 'False' : 'True');
  }
});

test('who undrains during the episode is not contradicted; the next episode drains again', () => {
  const first = decideGrayFailure(input()).condition;
  const draining = decideGrayFailure(input({ before: first, drain: { mode: 'Auto', targetWeight: 0 } }));
  assert.deepEqual(said(draining), ['True', 'Draining', undefined]);
  const overruled = decideGrayFailure(input({ before: draining.condition }));
  assert.deepEqual(said(overruled), ['True', 'Overruled', undefined]);
  const later = decideGrayFailure(input({ before: overruled.condition }));
  assert.deepEqual(said(later), ['True', 'Overruled', undefined]);
  const well = decideGrayFailure(input({ before: later.condition, suspect: undefined }));
  assert.deepEqual(said(well), ['False', 'Healthy', undefined]);
  assert.deepEqual(said(decideGrayFailure(input({ before: well.condition }))), ['True', 'Draining', 0]);
});

test('who takes back a drain that was partial or paused is not contradicted either', () => {
  for (const drain of [
    { mode: 'Auto', targetWeight: 50 },
    { mode: 'Auto', targetWeight: 0, paused: true },
  ] as const) {
    const before = decideGrayFailure(input({ drain })).condition;
    assert.deepEqual(said(decideGrayFailure(input({ before }))), ['True', 'Overruled', undefined]);
  }
});

test('a new leader keeps the words of the old one, so that nothing is written anew', () => {
  const drain = { mode: 'Auto', targetWeight: 0 } as const;
  const before = decideGrayFailure(input({ drain })).condition;
  const after = decideGrayFailure(input({ drain, before, suspect: { evidence: undefined } }));
  assert.deepEqual(after.condition, before);
});
