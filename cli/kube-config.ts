/** Which cluster: --kubeconfig, else KUBECONFIG, else the checkout's local cluster, else ~/.kube/config. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { ChatError } from '../cells/contract/errors.ts';
import { loadKubeConfig } from '../cells/contract/kube/client.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The file to load, or undefined for the default of the Kubernetes client. */
export function kubeConfigPath(flag: string | undefined, env: Env, folders: readonly string[]): string | undefined {
  if (flag !== undefined) return flag;
  if (env.KUBECONFIG) return env.KUBECONFIG;
  const cluster = env.CHATCELLS_CLUSTER ? `cluster-${env.CHATCELLS_CLUSTER}` : 'cluster';
  return folders.map((folder) => join(folder, '.local', cluster, 'kubeconfig')).find((path) => existsSync(path));
}

export function openKubeConfig(flag: string | undefined, env: Env, folders: readonly string[]): KubeConfig {
  const path = kubeConfigPath(flag, env, folders);
  try {
    return loadKubeConfig({ ...env, KUBECONFIG: path });
  } catch (e: unknown) {
    const problem = e instanceof Error ? e.message : String(e);
    throw new ChatError('cluster_unreachable', { problem: path === undefined ? problem : `${path}: ${problem}` }, e);
  }
}
