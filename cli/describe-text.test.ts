// What `chatctl describe` prints of an object, as a reader sees it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeEvent } from '../cells/contract/kube/events.ts';
import type { Cell } from '../crds/index.ts';
import { describeText } from './describe-text.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const CELL = {
  apiVersion: 'chatcells.dev/v1alpha1',
  kind: 'Cell',
  metadata: { name: 'cell-b', namespace: 'chatcells', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { region: 'local', zone: 'zone-b', edge: { port: 8080 } },
  status: {
    observedGeneration: 3,
    conditions: [
      ['Drained', 'False', '2026-01-01T00:10:00Z', 'Serving', 'weight 100 %'],
      ['Ready', 'True', '2026-01-01T00:59:00Z', 'AllRolesReady', 'every role is ready'],
    ].map(([type, status, lastTransitionTime, reason, message]) => ({
      ...{ type, status, lastTransitionTime, reason, message },
    })),
  },
} as unknown as Cell;
const EVENT = {
  type: 'Warning',
  reason: 'CapacityBlocked',
  eventTime: '2026-01-01T00:00:00Z',
  series: { count: 4, lastObservedTime: '2026-01-01T00:58:00Z' },
  note: 'cell-a has no room',
} as KubeEvent;

test('nested values are YAML, Ready comes first, Events tell how often and when last', () => {
  assert.equal(
    describeText(CELL, [EVENT], NOW),
    `Name:       cell-b
Namespace:  chatcells
Kind:       Cell
Age:        1h
Spec:
  region: local
  zone: zone-b
  edge:
    port: 8080
Status:
  observedGeneration: 3
Conditions:
  TYPE      STATUS   SINCE   REASON          MESSAGE
  Ready     True     1m      AllRolesReady   every role is ready
  Drained   False    50m     Serving         weight 100 %
Events:
  TYPE      REASON                 AGE   MESSAGE
  Warning   CapacityBlocked (x4)   2m    cell-a has no room
`,
  );
});

test('an object without status, conditions and Events says so', () => {
  const { status: _, ...bare } = CELL;
  assert.match(describeText(bare, [], NOW), /\nStatus: none\nConditions: none\nEvents: none\n$/);
});
