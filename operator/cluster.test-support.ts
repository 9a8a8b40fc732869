/**
 * STAND-INS for what an API server alone does not have: Pods that a kubelet would run, and a control plane that tells
 * live figures. What they say is set by the test.
 */
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parse, parseAllDocuments, stringify } from 'yaml';
import type { TestApiServer } from '../cells/contract/kube/api-server.test-support.ts';
import { eventually } from '../cells/contract/kube/eventually.test-support.ts';
import type { HealthReport } from '../cells/health/report.ts';
import { LABELS } from '../crds/index.ts';
import type { CellFigures, RingFigures } from './live-figures.ts';

const manager = { fieldManager: 'test' };

/** Makes (or changes) a Pod that is Ready or not, as the kubelet would report it. */
export async function standInPod(
  api: TestApiServer,
  pod: { name: string; component: string; cell?: string; zone?: string; ready: boolean; port?: number; ip?: string },
): Promise<void> {
  const { client, namespace } = api;
  const labels = {
    [LABELS.name]: 'chatcells',
    [LABELS.component]: pod.component,
    ...(pod.cell ? { [LABELS.cell]: pod.cell, [LABELS.zone]: pod.zone ?? '' } : {}),
  };
  const ports = [{ name: 'admin', containerPort: pod.port ?? 9090 }];
  const base = { apiVersion: 'v1', kind: 'Pod', metadata: { name: pod.name, namespace, labels } } as const;
  const containers = [{ name: 'main', image: 'stand-in', ports }];
  // Bound to a node from the start, so that deleting it needs no kubelet and no scheduler.
  await client.apply(
    { ...base, spec: { serviceAccountName: 'chatcells-operator', automountServiceAccountToken: false, containers } },
    manager,
  );
  const ip = pod.ip ?? '127.0.0.1';
  const conditions = [
    { type: 'Ready', status: pod.ready ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:00:00Z' },
  ];
  const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions };
  await client.apply({ ...base, status }, { ...manager, subresource: 'status' });
}

export async function cellPods(api: TestApiServer, cell: string, zone: string, ready = true): Promise<void> {
  for (const component of ['gateway', 'channel', 'api', 'edge']) {
    await standInPod(api, { name: `${cell}-${component}-0`, component, cell, zone, ready });
  }
}

export class StandInControlplane {
  cells: CellFigures[] = [];
  rings = new Map<string, RingFigures>();
  health: HealthReport | undefined;
  ringRequests = 0;
  #cellRequests = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const [, , , what, ...rest] = (request.url ?? '').split('/');
      if (what === 'rings') this.ringRequests++;
      if (what === 'cells') this.#cellRequests++;
      const bodies: Record<string, unknown> = { cells: this.cells, health: this.health };
      const body = what === 'rings' ? this.rings.get(rest.join('/')) : bodies[what ?? ''];
      response.writeHead(body ? 200 : 404).end(JSON.stringify(body ?? {}));
    });
  }

  async start(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  set(cell: string, figures: Partial<CellFigures>): void {
    const before = this.cells.find((c) => c.cell === cell) ?? { cell, sockets: 0, slots: 0, members: 1 };
    this.cells = [...this.cells.filter((c) => c.cell !== cell), { ...before, ...figures }];
  }

  /** Resolves when the figures of the cells have been asked for anew. */
  async askedForCells(): Promise<void> {
    const from = this.#cellRequests;
    await eventually(() => this.#cellRequests > from, 30_000);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const WRITTEN = [
  'cells',
  'channelrings',
  'practicedrains',
  'workspaces',
  'deployments',
  'services',
  'configmaps',
  'secrets',
  'serviceaccounts',
  'poddisruptionbudgets',
  'events',
];

/** Requests of the operator's kinds that the API server has been sent to change something, no-ops included. */
export async function writesSeen(api: TestApiServer, resources: readonly string[] = WRITTEN): Promise<number> {
  const { kubeFetch } = await import('../cells/contract/kube/http.ts');
  const text = await (await kubeFetch(api.kubeConfig, { method: 'GET', path: '/metrics' })).body.text();
  const ours = new RegExp(`resource="(${resources.join('|')})"`);
  return text
    .split('\n')
    .filter(
      (line) =>
        line.startsWith('apiserver_request_total{') &&
        ours.test(line) &&
        /verb="(POST|PUT|PATCH|APPLY|DELETE)"/.test(line),
    )
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Writes a kubeconfig of the account that the chart gives the operator, with the chart's own Role and nothing else. */
export async function operatorKubeconfig(api: TestApiServer, file: string): Promise<void> {
  const { client, namespace } = api;
  const root = new URL('../', import.meta.url).pathname;
  const args = ['template', 'chatcells', 'charts/chatcells', '--kube-version', '1.34.4', '--namespace', namespace];
  const chart = spawnSync('.tools/bin/helm', [...args, '--set', 'store.url=mysql://x'], {
    cwd: root,
    encoding: 'utf8',
  });
  const post = <R>(path: string, body: unknown): Promise<R> =>
    client.request<R>({ method: 'POST', path, contentType: 'application/json', body: JSON.stringify(body) });
  const paths: Record<string, string> = {
    ServiceAccount: `/api/v1/namespaces/${namespace}/serviceaccounts`,
    Role: `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`,
    RoleBinding: `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`,
  };
  for (const document of parseAllDocuments(chart.stdout)) {
    const object = document.toJS() as { kind: string; metadata: { name: string } } | null;
    const path = object?.metadata.name === 'chatcells-operator' ? paths[object.kind] : undefined;
    if (path) await post(path, object);
  }
  const { status } = await post<{ status: { token: string } }>(`${paths.ServiceAccount}/chatcells-operator/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 3600 },
  });
  const config = parse(await readFile(api.kubeconfigPath, 'utf8')) as { users: { name: string; user: object }[] };
  config.users = config.users.map(({ name }) => ({ name, user: { token: status.token } }));
  await writeFile(file, stringify(config), { mode: 0o600 });
}
