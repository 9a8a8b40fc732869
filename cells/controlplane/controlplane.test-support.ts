/** For tests: the real API server with our CRDs, and the control plane as a process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { KubeClient, loadKubeConfig, type Manifest } from '../contract/kube/index.ts';
import { until } from '../xds/envoy/envoy.test-support.ts';

const root = new URL('../../', import.meta.url).pathname;
const FIELD_MANAGER = { fieldManager: 'test' };

export interface Child {
  kill(signal?: NodeJS.Signals): Promise<void>;
}

function child(command: ChildProcess): Child {
  const exited = new Promise<void>((resolve) => command.once('exit', () => resolve()));
  return {
    async kill(signal = 'SIGTERM') {
      command.kill(signal);
      await exited;
    },
  };
}

/** The same `dir` gives the same ports and data again. */
export async function startApiServer(dir: string): Promise<Child & { kubeconfig: string }> {
  const command = spawn(process.execPath, [join(root, 'e2e/cluster/main.ts'), 'apiserver', '--dir', dir], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const kubeconfig = await new Promise<string>((resolve, reject) => {
    let out = '';
    command.stdout.on('data', (chunk) => {
      out += String(chunk);
      if (out.includes('\n')) resolve((JSON.parse(out) as { kubeconfig: string }).kubeconfig);
    });
    command.once('exit', (code) => reject(new Error(`the API server ended with ${code}`)));
  });
  return { ...child(command), kubeconfig };
}

export const startControlplane = (env: Record<string, string>, logFile: string): Child =>
  startRole('controlplane', env, logFile);

/** A role as a process of its own, with `env` and nothing else for environment. */
export function startRole(role: 'controlplane' | 'operator', env: Record<string, string>, logFile: string): Child {
  const out = openSync(logFile, 'a');
  const args = [join(root, 'main.ts'), role];
  return child(spawn(process.execPath, args, { env, stdio: ['ignore', out, out] }));
}

/** What the test puts into the namespace. */
export class Objects {
  readonly client: KubeClient;
  readonly #namespace: string;

  constructor(kubeconfig: string, namespace: string) {
    this.client = new KubeClient(loadKubeConfig({ KUBECONFIG: kubeconfig }));
    this.#namespace = namespace;
  }

  async prepare(): Promise<void> {
    for (const file of readdirSync(join(root, 'crds')).filter((f) => f.endsWith('.yaml')))
      await this.client.apply(
        parse(readFileSync(join(root, 'crds', file), 'utf8'), (_, v: unknown) => v ?? undefined) as Manifest,
        FIELD_MANAGER,
      );
    await this.client.apply(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: this.#namespace } },
      FIELD_MANAGER,
    );
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: this.#meta('default') } as const;
    await until(async () => {
      try {
        await this.apply('chatcells.dev/v1alpha1', 'ChannelRing', 'probe', { spec: { cells: ['x'] } });
        await this.client.apply(account, FIELD_MANAGER);
        return true;
      } catch {
        return false;
      }
    }, 'the CRDs are served');
    await this.client.delete({
      apiVersion: 'chatcells.dev/v1alpha1',
      kind: 'ChannelRing',
      namespace: this.#namespace,
      name: 'probe',
    });
  }

  async apply(apiVersion: string, kind: Manifest['kind'], name: string, rest: Record<string, unknown>): Promise<void> {
    await this.client.apply({ apiVersion, kind, metadata: this.#meta(name), ...rest }, FIELD_MANAGER);
  }

  async status(apiVersion: string, kind: Manifest['kind'], name: string, status: unknown): Promise<void> {
    const ref = { apiVersion, kind, namespace: this.#namespace, name };
    await this.client.mergePatch(ref, { status }, { ...FIELD_MANAGER, subresource: 'status' });
  }

  /** A Pod as the node agent would leave it: running and Ready on an address. */
  async pod(cell: string, role: string, ip: string): Promise<void> {
    const name = `${cell}-${role}-1`;
    const labels = {
      'app.kubernetes.io/name': 'chatcells',
      'app.kubernetes.io/component': role,
      'chatcells.dev/cell': cell,
    };
    await this.client.apply(
      {
        ...{ apiVersion: 'v1', kind: 'Pod', metadata: { ...this.#meta(name), labels } },
        spec: { containers: [{ name: 'main', image: 'none' }], automountServiceAccountToken: false },
      },
      FIELD_MANAGER,
    );
    const conditions = [{ type: 'Ready', status: 'True' }];
    await this.status('v1', 'Pod', name, { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions });
  }

  #meta(name: string): { name: string; namespace: string } {
    return { name, namespace: this.#namespace };
  }
}
