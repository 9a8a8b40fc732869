/** What the controllers see of the cluster: copies kept by reflectors. Keys are `<namespace>/<name>`. */

import { collectionPath, type KnownKind } from '../cells/contract/kube/client.ts';
import type { KubeObject, Pod } from '../cells/contract/kube/objects.ts';
import { type Cell, type ChannelRing, LABELS, type PracticeDrain, type Workspace } from '../crds/index.ts';
import type { Manager } from './runtime/manager.ts';

export const MANAGED_BY = 'chatcells-operator';
export const API = 'chatcells.dev/v1alpha1';

/** What the Cell controller makes, in the order of deletion. */
export const OWNED_KINDS = [
  ['apps/v1', 'Deployment'],
  ['policy/v1', 'PodDisruptionBudget'],
  ['v1', 'Service'],
  ['v1', 'ConfigMap'],
  ['v1', 'ServiceAccount'],
] as const satisfies readonly (readonly [string, KnownKind])[];

export interface Secret extends KubeObject {
  data?: Record<string, string>;
}

export interface World {
  cells: ReadonlyMap<string, Cell>;
  rings: ReadonlyMap<string, ChannelRing>;
  workspaces: ReadonlyMap<string, Workspace>;
  practices: ReadonlyMap<string, PracticeDrain>;
  /** Every Pod with our name label. */
  pods: ReadonlyMap<string, Pod>;
  /** Those with the operator's label only. */
  secrets: ReadonlyMap<string, Secret>;
  owned(kind: KnownKind): ReadonlyMap<string, KubeObject>;
}

/** Sets the reflectors up; they begin at once. */
export function watchWorld(manager: Manager, namespace: string): World {
  const ours = { labelSelector: `${LABELS.managedBy}=${MANAGED_BY}` };
  const path = (apiVersion: string, kind: KnownKind): string => collectionPath(apiVersion, kind, namespace);
  const owned = new Map<KnownKind, ReadonlyMap<string, KubeObject>>();
  for (const [apiVersion, kind] of OWNED_KINDS) {
    owned.set(kind, manager.watch(kind, path(apiVersion, kind), ours).store);
  }
  return {
    cells: manager.watch<Cell>('Cell', path(API, 'Cell')).store,
    rings: manager.watch<ChannelRing>('ChannelRing', path(API, 'ChannelRing')).store,
    workspaces: manager.watch<Workspace>('Workspace', path(API, 'Workspace')).store,
    practices: manager.watch<PracticeDrain>('PracticeDrain', path(API, 'PracticeDrain')).store,
    pods: manager.watch<Pod>('Pod', path('v1', 'Pod'), { labelSelector: `${LABELS.name}=chatcells` }).store,
    secrets: manager.watch<Secret>('Secret', path('v1', 'Secret'), ours).store,
    owned: (kind) => owned.get(kind) ?? new Map(),
  };
}
