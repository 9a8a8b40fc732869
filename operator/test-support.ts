/** Objects as the API server would give them, for the tests of decisions. */

import type { Pod } from '../cells/contract/kube/objects.ts';
import { parseConfig } from '../cells/contract/process/config.ts';
import type { Cell, ChannelRing, Workspace } from '../crds/index.ts';
import { LABELS } from '../crds/index.ts';
import { type OperatorConfig, settings } from './config.ts';

export const testConfig = (env: Record<string, string> = {}): OperatorConfig =>
  parseConfig(settings, {
    args: [],
    env: {
      NAMESPACE: 'chat',
      IMAGE: 'chatcells:test',
      ENVOY_IMAGE: 'envoy:test',
      STORE_SECRET: 'store',
      SESSION_SECRET: 'session',
      XDS_ADDRESSES: '127.1.0.1:18000,127.2.0.1:18000',
      ...env,
    },
  });

const meta = (name: string): Cell['metadata'] => ({
  name,
  namespace: 'chat',
  uid: `uid-${name}`,
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: '2026-01-01T00:00:00Z',
  finalizers: ['chatcells.dev/cleanup'],
});

export function testCell(
  name: string,
  changes: { spec?: Partial<Cell['spec']>; status?: Cell['status']; metadata?: Partial<Cell['metadata']> } = {},
): Cell {
  return {
    apiVersion: 'chatcells.dev/v1alpha1',
    kind: 'Cell',
    metadata: { ...meta(name), ...changes.metadata },
    spec: {
      region: 'local',
      zone: `zone-${name.at(-1)}`,
      edge: { replicas: 1, port: 8080, hostNetwork: true },
      ...changes.spec,
    },
    ...(changes.status ? { status: changes.status } : {}),
  };
}

export function testRing(
  name: string,
  cells: string[],
  changes: Partial<Pick<ChannelRing, 'status'>> & { metadata?: Partial<Cell['metadata']> } = {},
): ChannelRing {
  return {
    apiVersion: 'chatcells.dev/v1alpha1',
    kind: 'ChannelRing',
    metadata: { ...meta(name), ...changes.metadata },
    spec: { cells },
    ...(changes.status ? { status: changes.status } : {}),
  };
}

export const testWorkspace = (
  name: string,
  spec: Partial<Workspace['spec']> = {},
  status?: Workspace['status'],
): Workspace => ({
  apiVersion: 'chatcells.dev/v1alpha1',
  kind: 'Workspace',
  metadata: meta(name),
  spec: { displayName: name, ring: 'main', ...spec },
  ...(status ? { status } : {}),
});

export function testPod(
  cell: Cell,
  component: string,
  state: { ready: boolean; waiting?: string; name?: string } = { ready: true },
): Pod {
  const name = state.name ?? `${cell.metadata.name}-${component}-0`;
  const ready = state.ready ? 'True' : 'False';
  return {
    metadata: {
      name,
      namespace: 'chat',
      uid: `uid-${name}`,
      resourceVersion: '1',
      labels: {
        [LABELS.name]: 'chatcells',
        [LABELS.cell]: cell.metadata.name,
        [LABELS.component]: component,
        [LABELS.zone]: cell.spec.zone,
      },
    },
    spec: {
      hostNetwork: component === 'edge',
      containers: [{ name: 'main', ports: [{ name: 'http', containerPort: 8080 }] }],
    },
    status: {
      phase: 'Running',
      hostIP: '127.1.0.1',
      podIP: '127.1.0.1',
      conditions: [{ type: 'Ready', status: ready }],
      ...(state.waiting
        ? {
            containerStatuses: [
              { name: 'main', ready: false, restartCount: 3, state: { waiting: { reason: state.waiting } } },
            ],
          }
        : {}),
    },
  };
}
