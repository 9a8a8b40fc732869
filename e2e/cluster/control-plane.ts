/** etcd, the API server, the controller manager and the scheduler: the real ones. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { ensurePki, type Identity, type Pki } from './certificates.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { type Ports, TOOLS } from './layout.ts';
import { type Lifetime, Processes } from './processes.ts';
import { until } from './wait.ts';

const HOST = '127.0.0.1';

const IDENTITIES: Identity[] = [
  { name: 'api-server', user: 'kube-apiserver', hosts: [HOST, 'localhost', 'kubernetes', 'kubernetes.default.svc'] },
  { name: 'admin', user: 'kubernetes-admin', group: 'system:masters' },
  { name: 'controller-manager', user: 'system:kube-controller-manager' },
  { name: 'scheduler', user: 'system:kube-scheduler' },
  { name: 'node-agent', user: 'chatcells:node-agent', group: 'system:masters' },
];

export interface ApiServerOptions {
  /** Folder of all state; made when missing, kept by `close`. */
  dir: string;
  ports: Pick<Ports, 'apiServer' | 'etcdClient' | 'etcdPeer'>;
  /** Default `bound`: the processes die with this one. */
  lifetime?: Lifetime;
}

export interface ApiServer {
  /** Path of an administrator's kubeconfig. */
  kubeconfig: string;
  /** `https://127.0.0.1:<port>` */
  url: string;
  pki: Pki;
  close(): Promise<void>;
}

export const apiServerUrl = (port: number): string => `https://${HOST}:${port}`;
const pkiDir = (dir: string): string => join(dir, 'pki');
export const kubeconfigFile = (dir: string): string => join(dir, 'kubeconfig');

/** etcd and an API server alone; resolves when it is ready. Idempotent: what runs already is left running. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { dir, ports } = options;
  mkdirSync(dir, { recursive: true });
  const processes = new Processes(dir, options.lifetime ?? 'bound');
  const pki = await ensurePki(pkiDir(dir), IDENTITIES);
  const url = apiServerUrl(ports.apiServer);
  writeKubeconfig(kubeconfigFile(dir), url, pki, 'admin');
  startEtcd(processes, dir, ports);
  await etcdReady(processes, ports.etcdClient);
  startKubeApiServer(processes, dir, pki, ports);
  await apiServerReady(processes, pki, ports.apiServer);
  return {
    kubeconfig: kubeconfigFile(dir),
    url,
    pki,
    async close() {
      await processes.stop('kube-apiserver');
      await processes.stop('etcd');
    },
  };
}

function startEtcd(processes: Processes, dir: string, ports: ApiServerOptions['ports']): void {
  const client = `http://${HOST}:${ports.etcdClient}`;
  const peer = `http://${HOST}:${ports.etcdPeer}`;
  processes.start({
    name: 'etcd',
    command: join(TOOLS, 'bin/etcd'),
    args: [
      `--data-dir=${join(dir, 'etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--log-level=warn',
      '--logger=zap',
    ],
  });
}

async function etcdReady(processes: Processes, port: number): Promise<void> {
  await ready(processes, 'etcd', 20_000, async () => {
    const answer = await fetch(`http://${HOST}:${port}/health`).catch(() => undefined);
    return answer?.ok === true && (await answer.text()).includes('true');
  });
}

function startKubeApiServer(processes: Processes, dir: string, pki: Pki, ports: ApiServerOptions['ports']): void {
  const server = pki.certificate('api-server');
  const policy = join(dir, 'audit-policy.json');
  writeFileSync(
    policy,
    JSON.stringify({
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived', 'ResponseStarted'],
      // Reads are not kept: the log is there to count writes.
      rules: [{ level: 'None', verbs: ['get', 'list', 'watch'] }, { level: 'Metadata' }],
    }),
  );
  processes.start({
    name: 'kube-apiserver',
    command: join(TOOLS, 'bin/kube-apiserver'),
    args: [
      `--etcd-servers=http://${HOST}:${ports.etcdClient}`,
      `--bind-address=${HOST}`,
      `--advertise-address=${HOST}`,
      `--secure-port=${ports.apiServer}`,
      `--tls-cert-file=${server.cert}`,
      `--tls-private-key-file=${server.key}`,
      `--client-ca-file=${pki.ca}`,
      '--authorization-mode=RBAC',
      '--allow-privileged=true',
      `--service-account-issuer=https://kubernetes.default.svc`,
      `--service-account-key-file=${pki.serviceAccountKey}`,
      `--service-account-signing-key-file=${pki.serviceAccountKey}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      // Nobody reaches the API server through a Service here, and an endpoint may not be a loopback address.
      '--endpoint-reconciler-type=none',
      `--audit-policy-file=${policy}`,
      `--audit-log-path=${join(dir, 'logs/audit.log')}`,
      '--audit-log-maxsize=100',
      '--audit-log-maxbackup=2',
      '--profiling=false',
      '--watch-cache=true',
    ],
    env: { GOGC: '100' },
  });
}

/** The controllers that a Deployment, a StatefulSet, a Job, an eviction and a deleted namespace need. */
const CONTROLLERS = [
  'clusterrole-aggregation-controller',
  'daemonset-controller',
  'deployment-controller',
  'disruption-controller',
  'garbage-collector-controller',
  'job-controller',
  'namespace-controller',
  'node-lifecycle-controller',
  'pod-garbage-collector-controller',
  'replicaset-controller',
  'root-ca-certificate-publisher-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
  'statefulset-controller',
  'taint-eviction-controller',
  'ttl-after-finished-controller',
];
// Not among them: endpoints and endpoint slices, whose addresses may not be loopback ones.

/** The controller manager and the scheduler, beside an API server that is ready. Detached; idempotent. */
export function startControllers(dir: string, ports: Ports, pki: Pki): void {
  const processes = new Processes(dir, 'detached');
  const config = (name: string): string => {
    const file = join(dir, `${name}.kubeconfig`);
    writeKubeconfig(file, apiServerUrl(ports.apiServer), pki, name);
    return file;
  };
  processes.start({
    name: 'kube-controller-manager',
    command: join(TOOLS, 'bin/kube-controller-manager'),
    args: [
      ...componentFlags(config('controller-manager'), ports.controllerManager),
      `--controllers=${CONTROLLERS.join(',')}`,
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${pki.serviceAccountKey}`,
      `--root-ca-file=${pki.ca}`,
      // A node that says nothing for half a minute is NotReady; agents speak every 5 s, and the machine may be busy.
      '--node-monitor-period=2s',
      '--node-monitor-grace-period=30s',
      '--concurrent-gc-syncs=5',
    ],
  });
  processes.start({
    name: 'kube-scheduler',
    command: join(TOOLS, 'bin/kube-scheduler'),
    args: componentFlags(config('scheduler'), ports.scheduler),
  });
}

const componentFlags = (kubeconfig: string, port: number): string[] => [
  `--kubeconfig=${kubeconfig}`,
  `--authentication-kubeconfig=${kubeconfig}`,
  `--authorization-kubeconfig=${kubeconfig}`,
  `--bind-address=${HOST}`,
  `--secure-port=${port}`,
  '--leader-elect=false',
  '--profiling=false',
];

async function apiServerReady(processes: Processes, pki: Pki, port: number): Promise<void> {
  const ca = readFileSync(pki.ca);
  await ready(processes, 'kube-apiserver', 60_000, () => answersOk(ca, port, '/readyz'));
}

function answersOk(ca: Buffer, port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ host: HOST, port, path, ca, agent: false, timeout: 2_000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(false));
    call.end();
  });
}

/** Waits for `look`; a process that has ended, or never gets ready, shows the end of its log. */
async function ready(
  processes: Processes,
  name: string,
  deadlineMs: number,
  look: () => Promise<boolean>,
): Promise<void> {
  const explain = (): string => logTail(processes.logFile(name));
  await until(
    `${name} to be ready`,
    async () => {
      if (await look()) return true;
      if (processes.find(name) === undefined) throw new Error(`${name} ended while it started:\n${explain()}`);
      return false;
    },
    { deadlineMs, everyMs: 100, explain },
  );
}

export function logTail(file: string, lines = 15): string {
  return existsSync(file) ? execFileSync('tail', ['-n', String(lines), file], { encoding: 'utf8' }) : '(no log)';
}
