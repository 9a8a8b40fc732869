/** The watched part of the cluster: intent, decisions and Pods, from local copies. */
import type { KubeConfig } from '@kubernetes/client-node';
import { API_GROUP, API_VERSION, type Cell, type ChannelRing, LABELS, type Workspace } from '../../crds/index.ts';
import type { Clock, Random } from '../contract/clock.ts';
import { collectionPath, type KubeObject, type Pod, Reflector } from '../contract/kube/index.ts';
import type { Logger } from '../contract/process/log.ts';

/** What decisions are made from. Never change an object in it. */
export interface Observed {
  readonly cells: ReadonlyMap<string, Cell>;
  readonly rings: ReadonlyMap<string, ChannelRing>;
  readonly workspaces: ReadonlyMap<string, Workspace>;
  readonly pods: ReadonlyMap<string, Pod>;
}

export interface KubeWatch extends Observed {
  /** Resolves once every kind has been listed; unresolved while the API server cannot be reached. */
  readonly synced: Promise<void>;
  close(): Promise<void>;
}

export function watchKube(options: {
  kubeConfig: KubeConfig;
  namespace: string;
  clock: Clock;
  random: Random;
  log: Logger;
  onChange: () => void;
}): KubeWatch {
  const { namespace, onChange, ...common } = options;
  const watch = <T extends KubeObject>(path: string, labelSelector?: string): Reflector<T> =>
    new Reflector<T>({ ...common, path, ...(labelSelector ? { labelSelector } : {}), onChange: () => onChange() });
  const custom = `${API_GROUP}/${API_VERSION}`;
  const cells = watch<Cell>(collectionPath(custom, 'Cell', namespace));
  const rings = watch<ChannelRing>(collectionPath(custom, 'ChannelRing', namespace));
  const workspaces = watch<Workspace>(collectionPath(custom, 'Workspace', namespace));
  const pods = watch<Pod>(collectionPath('v1', 'Pod', namespace), `${LABELS.name}=chatcells`);
  const all = [cells, rings, workspaces, pods];
  return {
    cells: cells.store,
    rings: rings.store,
    workspaces: workspaces.store,
    pods: pods.store,
    synced: Promise.all(all.map((r) => r.synced)).then(() => undefined),
    close: async () => void (await Promise.all(all.map((r) => r.close()))),
  };
}
