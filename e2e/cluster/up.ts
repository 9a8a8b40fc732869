/** `up` and `down`: the whole cluster. */
import { chownSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { adminApi } from './admin-api.ts';
import type { KubeList } from './agent/kube.ts';
import { removeMountPoints } from './agent/mount-points.ts';
import { kubeconfigFile, logTail, startApiServer, startControllers } from './control-plane.ts';
import { removeFaults } from './faults.ts';
import { type Layout, ROOT, TOOLS } from './layout.ts';
import { startMysql } from './mysql.ts';
import { Processes } from './processes.ts';
import { type ClusterNode, isReady } from './status.ts';
import { until } from './wait.ts';

export const agentName = (zone: string): string => `node-agent-${zone}`;

/** Brings the cluster up; resolves when every node is Ready and Pods can be made. What runs already is left running. */
export async function up(layout: Layout, say: (line: string) => void): Promise<void> {
  requireTools();
  mkdirSync(layout.dir, { recursive: true });
  const { dir, ports } = layout;
  const begun = performance.now();
  const done = (what: string): void => say(`${what} ready after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  say(`cluster ${layout.name}: starting in ${dir}`);
  const store = startMysql({ dir, port: ports.mysql, lifetime: 'detached' }).then(() => done('MySQL'));
  const api = startApiServer({ dir, ports, lifetime: 'detached' }).then((server) => {
    done('API server');
    giveToSudoUser(server.kubeconfig);
    startControllers(dir, ports, server.pki);
    startAgents(layout);
  });
  await Promise.all([store, api]);
  await nodesReady(layout);
  done('nodes');
}

function requireTools(): void {
  const missing = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'mysqld'].filter(
    (tool) => !existsSync(join(TOOLS, 'bin', tool)),
  );
  if (missing.length > 0) throw new Error(`missing in .tools/bin: ${missing.join(', ')}; run scripts/setup/setup.sh`);
}

function startAgents(layout: Layout): void {
  const processes = new Processes(layout.dir, 'detached');
  const cache = join(ROOT, '.local/compile-cache/cluster');
  for (const zone of layout.zones) {
    processes.start({
      name: agentName(zone.name),
      command: join(ROOT, 'node_modules/.bin/node'),
      args: [
        '--max-semi-space-size=2',
        '--max-old-space-size=64',
        join(import.meta.dirname, 'agent/node-agent.ts'),
        zone.name,
      ],
      // Its zone's group: a zone that is cut off the API server has its node agent cut off too.
      gid: zone.id,
      env: { NODE_COMPILE_CACHE: cache, CHATCELLS_CLUSTER: layout.name, CHATCELLS_PORT_BLOCK: String(layout.block) },
      cwd: ROOT,
    });
  }
}

async function nodesReady(layout: Layout): Promise<void> {
  const api = adminApi(layout);
  const explain = (): string =>
    layout.zones.map((zone) => logTail(join(layout.dir, 'logs', `${agentName(zone.name)}.log`), 3)).join('\n');
  try {
    await until(
      'all nodes to be Ready',
      async () => {
        const nodes = await api.get<KubeList<ClusterNode>>('/api/v1/nodes').catch(() => undefined);
        const ready = nodes?.items.filter((node) => isReady(node) && !node.spec?.taints?.length) ?? [];
        return ready.length >= layout.zones.length;
      },
      { deadlineMs: 60_000, everyMs: 100, explain },
    );
    // Pods are refused before their namespace has a service account.
    await until(
      'the default service account',
      () => api.find('/api/v1/namespaces/default/serviceaccounts/default').catch(() => undefined),
      { deadlineMs: 30_000, everyMs: 100 },
    );
  } finally {
    api.close();
  }
}

/** Under sudo the state is root's; the kubeconfig is for whoever asked. */
function giveToSudoUser(file: string): void {
  const { SUDO_UID, SUDO_GID } = process.env;
  if (SUDO_UID && SUDO_GID) chownSync(file, Number(SUDO_UID), Number(SUDO_GID));
}

/** Ends every process of the cluster and removes its state. Done at once when there is none. */
export async function down(layout: Layout, say: (line: string) => void): Promise<void> {
  removeFaults(layout);
  if (!existsSync(layout.dir)) return say(`cluster ${layout.name}: not there`);
  const processes = new Processes(layout.dir, 'detached');
  // Agents first, or they would start again what is ended next.
  await Promise.all(layout.zones.map((zone) => processes.stop(agentName(zone.name))));
  // All else carries the mark and may be killed: the state goes too.
  await processes.sweep();
  removeMountPoints(layout.dir);
  rmSync(layout.dir, { recursive: true, force: true });
  say(`cluster ${layout.name}: down`);
}

export const kubeconfigOf = (layout: Layout): string => kubeconfigFile(layout.dir);
