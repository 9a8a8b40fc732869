import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Manifest } from '../../cells/contract/kube/client.ts';
import type { KubeObject } from '../../cells/contract/kube/objects.ts';
import { stampConditions, statusIsCurrent, transitions } from './conditions.ts';
import { holds, needsApply, withHash } from './owned.ts';

const manifest = (spec: object): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's', namespace: 'ns' },
  spec,
});
/** As the server gives it back: with fields of its own. */
const live = (wanted: Manifest): KubeObject & { spec: Record<string, unknown> } => ({
  ...wanted,
  metadata: { ...wanted.metadata, uid: 'u', resourceVersion: '1' },
  spec: { ...(wanted.spec as object), clusterIP: '10.0.0.1' },
});

test('what the server added is no difference; what somebody changed or we dropped is', () => {
  const wanted = withHash(manifest({ ports: [{ port: 80 }], type: 'ClusterIP' }));
  assert.equal(needsApply(undefined, wanted), true);
  assert.equal(needsApply(live(wanted), wanted), false);
  assert.equal(
    needsApply({ ...live(wanted), spec: { ports: [{ port: 81 }], type: 'ClusterIP' } } as KubeObject, wanted),
    true,
  );
  assert.equal(
    needsApply(
      { ...live(wanted), spec: { ports: [{ port: 80 }, { port: 81 }], type: 'ClusterIP' } } as KubeObject,
      wanted,
    ),
    true,
  );
  const without = withHash(manifest({ ports: [{ port: 80 }] }));
  assert.equal(needsApply(live(wanted), without), true);
});

test('an object that is being deleted is made again; empty objects may be dropped by the server', () => {
  const wanted = withHash(manifest({ resources: {} }));
  const going = live(wanted);
  assert.equal(needsApply({ ...going, metadata: { ...going.metadata, deletionTimestamp: 'now' } }, wanted), true);
  assert.equal(holds({ a: 1 }, { a: 1, resources: {} }), true);
  assert.equal(holds(undefined, []), false);
});

test('what a container may use is compared by its worth, all else by its text', () => {
  const pod = (resources: object, args = ['1000m']): object => ({ containers: [{ name: 'main', args, resources }] });
  const typed = pod({ requests: { cpu: '0.5' }, limits: { cpu: 2, memory: '1024Mi' } });
  const stored = { requests: { cpu: '500m' }, limits: { cpu: '2', memory: '1Gi' } };
  assert.equal(holds(pod(stored), typed), true);
  assert.equal(holds(pod({ ...stored, limits: { cpu: '2', memory: '1G' } }), typed), false);
  assert.equal(holds(pod({ ...stored, limits: { cpu: '2' } }), typed), false);
  assert.equal(holds(pod(stored, ['1']), typed), false);
});

const at = { generation: 2, nowMs: Date.UTC(2026, 0, 2) };
const before = [
  {
    type: 'Ready',
    status: 'True',
    reason: 'Serving',
    message: '',
    observedGeneration: 2,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  },
] as const;

test('the time of a condition changes with its status alone', () => {
  const same = stampConditions(before, [{ type: 'Ready', status: 'True', reason: 'Other', message: 'x' }], at);
  assert.equal(same[0]?.lastTransitionTime, '2026-01-01T00:00:00Z');
  const flipped = stampConditions(before, [{ type: 'Ready', status: 'False', reason: 'Other', message: 'x' }], at);
  assert.equal(flipped[0]?.lastTransitionTime, '2026-01-02T00:00:00Z');
  assert.equal(transitions(before, before).length, 0);
  assert.equal(transitions(before, flipped).length, 1);
  assert.equal(transitions(undefined, flipped).length, 0);
});

test('a status is current when our keys and conditions are, whatever others wrote', () => {
  const status = { weight: 1, slots: 2, conditions: [...before, { ...before[0], type: 'Draining' }] };
  const ours = { weight: 1, conditions: [...before] };
  assert.equal(statusIsCurrent(status, ours, ['weight']), true);
  assert.equal(statusIsCurrent(status, { ...ours, weight: 2 }, ['weight']), false);
  assert.equal(statusIsCurrent(status, { conditions: [...before] }, ['weight']), false);
  assert.equal(statusIsCurrent(status, { ...ours, conditions: [{ ...before[0], message: 'new' }] }, ['weight']), false);
  assert.equal(statusIsCurrent<typeof status>(undefined, { ...status, conditions: [] }, []), true);
});
