import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../cells/contract/kube/objects.ts';
import { ownZone } from './own-zone.ts';
import { testCell, testPod } from './test-support.ts';

const on = (node: string, pod: Pod, labels = pod.metadata.labels): [string, Pod] => [
  pod.metadata.name,
  { ...pod, metadata: { ...pod.metadata, ...(labels ? { labels } : {}) }, spec: { ...pod.spec, nodeName: node } },
];
const operator = testPod(testCell('cell-x'), 'operator', { ready: true, name: 'operator-1' });

test('the zone of a Pod of a Cell on the same node', () => {
  const pods = new Map([
    on('node-a', testPod(testCell('cell-a'), 'gateway')),
    on('node-b', testPod(testCell('cell-b'), 'gateway')),
    on('node-b', operator, { 'app.kubernetes.io/name': 'chatcells' }),
  ]);
  assert.equal(ownZone(pods, 'operator-1'), 'zone-b');
  assert.equal(ownZone(pods, 'elsewhere'), undefined);
  pods.delete('cell-b-gateway-0');
  assert.equal(ownZone(pods, 'operator-1'), undefined);
});
