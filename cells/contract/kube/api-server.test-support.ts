/**
 * A real API server (with etcd) for integration tests: its own one for the test file, or the one whose kubeconfig is in
 * `shared`. Each caller gets a namespace of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { systemRandom } from '../system-clock.ts';
import {
  collectionPath,
  KubeClient,
  loadKubeConfig,
  type Manifest,
  objectPath,
  refOf,
  refusedStatus,
} from './client.ts';
import { eventually } from './eventually.test-support.ts';

export interface TestApiServer {
  kubeConfig: KubeConfig;
  kubeconfigPath: string;
  client: KubeClient;
  namespace: string;
  close(): Promise<void>;
}

const ROOT = new URL('../../../', import.meta.url).pathname;

export async function startTestApiServer(shared?: string): Promise<TestApiServer> {
  const own = shared ? undefined : await spawnServer();
  const kubeconfigPath = shared ?? own!.kubeconfig;
  try {
    const kubeConfig = loadKubeConfig({ KUBECONFIG: kubeconfigPath });
    const client = new KubeClient(kubeConfig);
    const namespace = `test-${systemRandom.hex(4)}`;
    await installCrds(client);
    await client.create(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      { fieldManager: 'test' },
    );
    return { kubeConfig, kubeconfigPath, client, namespace, close: async () => own?.close() };
  } catch (e) {
    await own?.close();
    throw e;
  }
}

async function installCrds(client: KubeClient): Promise<void> {
  for (const kind of ['cell', 'channelring', 'practicedrain', 'workspace']) {
    const manifest = parse(await readFile(join(ROOT, 'crds', `${kind}.yaml`), 'utf8')) as Manifest;
    await install(client, manifest);
  }
  for (const plural of ['cells', 'channelrings', 'practicedrains', 'workspaces']) {
    const path = `/apis/chatcells.dev/v1alpha1/${plural}`;
    await eventually(() =>
      client.list(path).then(
        () => true,
        (e: unknown) => {
          if (refusedStatus(e) !== 404) throw e;
          return false;
        },
      ),
    );
  }
}

async function install(client: KubeClient, manifest: Manifest): Promise<void> {
  const path = collectionPath(manifest.apiVersion, manifest.kind);
  const contentType = 'application/json';
  // As kubectl applies them: a field that the API server does not know is an error, not something it drops.
  const query = { fieldValidation: 'Strict' };
  try {
    await client.request({ method: 'POST', path, query, contentType, body: JSON.stringify(manifest) });
  } catch (e) {
    if (refusedStatus(e) !== 409) throw e;
    const { metadata } = (await client.get(refOf(manifest)))!;
    const body = JSON.stringify({
      ...manifest,
      metadata: { ...manifest.metadata, resourceVersion: metadata.resourceVersion },
    });
    await client.request({ method: 'PUT', path: objectPath(refOf(manifest)), query, contentType, body });
  }
}

async function spawnServer(): Promise<{ kubeconfig: string; close(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'chatcells-api-'));
  const child = spawn(process.execPath, [join(ROOT, 'e2e/cluster/main.ts'), 'apiserver', '--dir', dir], {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const close = async (): Promise<void> => {
    await end(child);
    await rm(dir, { recursive: true, force: true });
  };
  for await (const line of createInterface(child.stdout)) {
    return { kubeconfig: (JSON.parse(line) as { kubeconfig: string }).kubeconfig, close };
  }
  await close();
  throw new Error('the API server ended before it was ready');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
