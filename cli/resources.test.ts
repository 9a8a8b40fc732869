import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnyResource, healthOf } from './resources.ts';

const cell = (...conditions: [type: string, status: string][]): AnyResource =>
  ({
    kind: 'Cell',
    metadata: { name: 'cell-a', generation: 1 },
    status: { conditions: conditions.map(([type, status]) => ({ type, status, reason: `${type}Why`, message: 'so' })) },
  }) as unknown as AnyResource;

test('a resource that is Ready and Degraded is not well: the alert says so too', () => {
  assert.equal(healthOf(cell(['Ready', 'True'], ['Degraded', 'False'])).ready, true);
  assert.deepEqual(healthOf(cell(['Ready', 'True'], ['Degraded', 'True'])), { ready: false, why: 'DegradedWhy: so' });
  assert.deepEqual(healthOf(cell(['Ready', 'False'], ['Degraded', 'True'])), { ready: false, why: 'ReadyWhy: so' });
});
