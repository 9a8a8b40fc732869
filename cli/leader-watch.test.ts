import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../cells/contract/kube/lease.ts';
import { LeaderWatch } from './leader-watch.ts';

const T0 = Date.UTC(2026, 0, 1);
const lease = (resourceVersion: string, leaseDurationSeconds?: number): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'l', namespace: 'n', uid: 'u', resourceVersion, creationTimestamp: '' },
  spec: { holderIdentity: 'cut-off', ...(leaseDurationSeconds === undefined ? {} : { leaseDurationSeconds }) },
});

test('a Lease that is renewed says nothing, however old its holder’s clock', () => {
  const watch = new LeaderWatch();
  for (let s = 0; s <= 60; s += 10) {
    watch.observe(lease(String(s)), T0 + 1000 * s);
    assert.equal(watch.text(T0 + 1000 * s), '');
  }
});

test('a Lease that stands still, or that does not exist, is said after its duration', () => {
  for (const [still, afterS] of [
    [lease('1'), 15],
    [lease('1', 40), 40],
    [undefined, 15],
  ] as const) {
    const watch = new LeaderWatch();
    for (const s of [0, afterS]) watch.observe(still, T0 + 1000 * s);
    assert.equal(watch.text(T0 + 1000 * afterS), '');
    watch.observe(still, T0 + 1000 * (afterS + 1));
    assert.match(watch.text(T0 + 1000 * (afterS + 1)), new RegExp(`^NO OPERATOR leads for ${afterS + 1}s: `));
    watch.observe(lease('2'), T0 + 1000 * (afterS + 2));
    assert.equal(watch.text(T0 + 1000 * (afterS + 2)), '', 'one leads again');
  }
});

test('where the Lease may not be read nothing is claimed', () => {
  assert.equal(new LeaderWatch().text(T0 + 3_600_000), '');
});
