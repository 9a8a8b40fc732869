/** From nothing to a ready system: cluster, chart, examples. What a user does by hand, with the same commands. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandOptions, chatctl, cluster, ROOT, run } from './command.ts';

export const NAMESPACE = 'chatcells';
/** Of examples/ring.yaml. */
export const RING = `${NAMESPACE}/main`;
/** Only what kubectl is to apply: the Helm values beside them are not Kubernetes objects. */
const EXAMPLES = ['cells.yaml', 'ring.yaml', 'workspaces.yaml'];

export interface ClusterStatus {
  kubeconfig: string;
  /** STORE_URL for the Pods. */
  store: string;
  nodes: { zone: string; address: string }[];
  edges: { zone: string; url: string }[];
}

export async function clusterStatus(): Promise<ClusterStatus> {
  return JSON.parse((await cluster(['status', '-o', 'json'])).stdout) as ClusterStatus;
}

/** `values`: of the chart, beside those of examples/local-values.yaml. */
export async function install(
  say: (line: string) => void,
  values: Readonly<Record<string, string>> = {},
): Promise<ClusterStatus> {
  say('Starting the local cluster: etcd, API server, controller manager, scheduler, MySQL, three nodes');
  await cluster(['up'], { live: true });
  const status = await clusterStatus();
  say('Installing Chatcells from charts/chatcells');
  await helmUpgrade(status, undefined, values);
  say('Applying examples/: three Cells, one ChannelRing, two Workspaces');
  await kubectl(['apply', '-n', NAMESPACE, ...EXAMPLES.flatMap((f) => ['-f', join('examples', f)])], status);
  await chatctl(['status', '--wait', '--timeout', '180s'], { live: true, env: { KUBECONFIG: status.kubeconfig } });
  return clusterStatus();
}

/** Installs the chart or changes the installed one; with `tag`, to the image of another version. Resolves when operator and control plane are rolled out. */
export async function helmUpgrade(
  status: ClusterStatus,
  tag?: string,
  values: Readonly<Record<string, string>> = {},
): Promise<void> {
  const addresses = status.nodes.map((n) => `${n.zone}=${n.address}:18000`);
  const edgeUrls = status.nodes.map((n) => ({ zone: n.zone, url: `http://${n.address}:8080` }));
  await run(
    tool('helm'),
    [
      ...['upgrade', '--install', 'chatcells', 'charts/chatcells', '--namespace', NAMESPACE, '--create-namespace'],
      ...['--values', 'examples/local-values.yaml', '--set-string', `store.url=${status.store}`],
      ...Object.entries(values).flatMap(([key, value]) => ['--set-string', `${key}=${value}`]),
      ...(tag === undefined ? [] : ['--set-string', `image.tag=${tag}`]),
      ...['--set-json', `controlplane.addresses=${JSON.stringify(addresses)}`],
      ...['--set-json', `operator.edgeUrls=${JSON.stringify(edgeUrls)}`, '--wait', '--timeout', '120s'],
    ],
    { env: { KUBECONFIG: status.kubeconfig } },
  );
}

export const kubectl = async (
  args: readonly string[],
  { kubeconfig }: Pick<ClusterStatus, 'kubeconfig'>,
  options: Pick<CommandOptions, 'input'> = {},
): Promise<string> => (await run(tool('kubectl'), args, { ...options, env: { KUBECONFIG: kubeconfig } })).stdout;

/** The pinned one when the set-up built it, else the machine's. */
function tool(name: string): string {
  const pinned = join(ROOT, '.tools/bin', name);
  return existsSync(pinned) ? pinned : name;
}
