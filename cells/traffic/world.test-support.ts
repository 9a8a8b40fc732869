/** For tests: Cells and Pods as an edge's world is made of. */
import type { Cell } from '../../crds/index.ts';
import type { PodLike } from './world.ts';

export const testCell = (name: string, weight?: number): Cell => ({
  apiVersion: 'chatcells.dev/v1alpha1',
  kind: 'Cell',
  metadata: { name, namespace: 'demo', uid: name, resourceVersion: '1', generation: 1, creationTimestamp: '' },
  spec: { region: 'local', zone: name.replace('cell', 'zone'), capacity: { connections: 5000 } },
  ...(weight === undefined ? {} : { status: { weight } }),
});

/** Ready, unless `change` says otherwise. */
export const testPod = (
  cellName: string,
  role: string,
  n: number,
  change: Partial<PodLike['status']> & { deleting?: boolean } = {},
): PodLike => {
  const { deleting, ...status } = change;
  return {
    metadata: {
      name: `${cellName}-${role}-${n}`,
      labels: { 'app.kubernetes.io/component': role, 'chatcells.dev/cell': cellName },
      ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    status: { podIP: `127.1.0.${n}`, conditions: [{ type: 'Ready', status: 'True' }], ...status },
  };
};
