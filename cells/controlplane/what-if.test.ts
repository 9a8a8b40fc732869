import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LiveMember } from '../ring/plan.ts';
import { whatIf } from './what-if.ts';

const member = (pod: string, cell: string): LiveMember => ({
  ...{ incarnation: `${pod}/1`, pod, cell, zone: `zone of ${cell}`, address: '', weight: 1, leaving: false },
});
const members = [member('a-0', 'a'), member('a-1', 'a'), member('b-0', 'b')];
const zones = new Map([
  ['a', 'za'],
  ['b', 'zb'],
]);
const said = (asked: Partial<Parameters<typeof whatIf>[1]>): [string, boolean][] =>
  whatIf(members, { without: [], add: [], ...asked }, zones).map((m) => [m.pod, m.leaving]);

test('without a Pod, without a Cell: they leave by plan; more servers join in their zone', () => {
  assert.deepEqual(said({}), [
    ['a-0', false],
    ['a-1', false],
    ['b-0', false],
  ]);
  assert.deepEqual(
    said({ without: ['a', 'b-0'] }).map(([, leaving]) => leaving),
    [true, true, true],
  );
  const more = whatIf(members, { without: [], add: ['b=2', 'a'] }, zones).slice(3);
  assert.deepEqual(
    more.map((m) => [m.pod, m.zone, m.leaving]),
    [
      ['b-channel-new-1', 'zb', false],
      ['b-channel-new-2', 'zb', false],
      ['a-channel-new-1', 'za', false],
    ],
  );
});

test('what is not there is refused by name', () => {
  const invalid = { code: 'invalid_arguments' };
  for (const asked of [{ without: ['c'] }, { add: ['c'] }, { add: ['a=0'] }, { add: ['a=x'] }, { add: ['a=1001'] }])
    assert.throws(() => said(asked), invalid, JSON.stringify(asked));
});
