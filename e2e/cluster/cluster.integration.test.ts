/** The whole local cluster with a Deployment of a tiny server: start, volumes, probes, kill, agent restart, deletion. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { adminApi } from './admin-api.ts';
import type { ApiClient } from './agent/api-client.ts';
import type { KubeList, Pod } from './agent/kube.ts';
import { layoutFrom, ROOT } from './layout.ts';
import { pidsWithEnv } from './proc.ts';
import { MARK } from './processes.ts';
import { type ClusterStatus, isReady } from './status.ts';
import { until } from './wait.ts';

const run = promisify(execFile);
const env = { ...process.env, CHATCELLS_CLUSTER: 'itest' };
const layout = layoutFrom(env);
const PODS = '/api/v1/namespaces/default/pods';
const DEADLINE = { deadlineMs: 60_000 };
let api: ApiClient;

const cluster = async (...args: string[]): Promise<string> =>
  (await run(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { env, cwd: ROOT })).stdout;

const SERVER = `
const { readFileSync: read } = require('node:fs');
process.on('SIGTERM', () => process.exit(7));
require('node:http').createServer((request, answer) => answer.end(JSON.stringify({
  name: process.env.POD_NAME,
  config: read('/etc/chatcells-itest/greeting', 'utf8'),
  token: read('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8').split('.').length,
  gid: process.getgid(),
}))).listen(8080, process.env.POD_IP);
`;

const field = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const DEPLOYMENT = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        nodeSelector: { 'topology.kubernetes.io/zone': 'zone-b' },
        terminationGracePeriodSeconds: 10,
        containers: [
          {
            name: 'web',
            image: 'chatcells:dev',
            command: ['node', '-e', SERVER],
            env: [field('POD_NAME', 'metadata.name'), field('POD_IP', 'status.podIP')],
            ports: [{ name: 'http', containerPort: 8080 }],
            readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1, timeoutSeconds: 5 },
            volumeMounts: [{ name: 'config', mountPath: '/etc/chatcells-itest' }],
          },
        ],
        volumes: [{ name: 'config', configMap: { name: 'web' } }],
      },
    },
  },
};

before(async () => {
  await cluster('down');
  await cluster('up');
  api = adminApi(layout);
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web' }, data: { greeting: 'hello' } };
  await api.post('/api/v1/namespaces/default/configmaps', configMap);
  await api.post('/apis/apps/v1/namespaces/default/deployments', DEPLOYMENT);
});

after(async () => {
  api?.close();
  await cluster('down');
});

interface NodeObject {
  spec: { taints?: object[] };
  status: { conditions: { type: string; status: string }[] };
}

/** The one Pod that is Ready and for which `holds`. */
const readyPod = (what: string, holds: (pod: Pod) => boolean = () => true): Promise<Pod> =>
  until(
    what,
    async () => {
      const { items } = await api.get<KubeList<Pod>>(`${PODS}?labelSelector=app%3Dweb`);
      return items.find((pod) => isReady(pod) && !pod.metadata.deletionTimestamp && holds(pod));
    },
    DEADLINE,
  );
const restarts = (pod: Pod): number => pod.status?.containerStatuses?.[0]?.restartCount ?? 0;

test('a Pod runs in its zone with its environment, volumes and token', async () => {
  const pod = await readyPod('the Pod to be Ready');
  assert.match(pod.status?.podIP ?? '', new RegExp(`^127\\.2\\.${layout.block}\\.`));
  const answer = await (await fetch(`http://${pod.status?.podIP}:8080/`)).json();
  assert.deepEqual(answer, { name: pod.metadata.name, config: 'hello', token: 3, gid: 2002 });
});

test('a killed container is started again and counted', async () => {
  const before = await readyPod('the Pod to be Ready');
  await cluster('fault', 'kill', before.metadata.name);
  const pod = await readyPod('the restart', (one) => restarts(one) === 1);
  assert.equal(pod.metadata.uid, before.metadata.uid);
  const ended = pod.status?.containerStatuses?.[0]?.lastState.terminated;
  assert.equal(ended?.exitCode, 137);
  assert.equal(ended?.signal, 9);
});

test('an agent that was killed comes back, and its Pod runs once', async () => {
  const before = await readyPod('the Pod to be Ready');
  const status = JSON.parse(await cluster('status', '-o', 'json')) as ClusterStatus;
  const agent = status.processes.find((one) => one.name === 'node-agent-zone-b');
  assert.ok(agent);
  process.kill(agent.pid, 'SIGKILL');
  await cluster('up');
  const count = restarts(before) + 1;
  await readyPod('the Pod after the agent', (one) => restarts(one) === count);
  assert.equal(pidsWithEnv('POD_NAME', before.metadata.name).length, 1);
});

test('a cut link lets nothing through, and heals', async () => {
  const pod = await readyPod('the Pod to be Ready');
  const fromZoneA = (): Promise<unknown> => {
    const identity = ['--reuid=2001', '--regid=2001', '--clear-groups'];
    return run('setpriv', [...identity, 'curl', '-sf', '--max-time', '2', `http://${pod.status?.podIP}:8080/`]);
  };
  await fromZoneA();
  await cluster('fault', 'cut', 'zone-a', 'zone-b');
  await assert.rejects(fromZoneA());
  await cluster('fault', 'heal', 'zone-b', 'zone-a');
  await fromZoneA();
});

test('a node that was taken for lost says that it is Ready again', async () => {
  const { node } = layout.zones[1] as (typeof layout.zones)[number];
  const conditions = [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' }];
  await api.patch(`/api/v1/nodes/${node}/status`, 'strategic-merge', { status: { conditions } });
  const backAgain = async (): Promise<boolean> => {
    const { spec, status } = await api.get<NodeObject>(`/api/v1/nodes/${node}`);
    return status.conditions.find((c) => c.type === 'Ready')?.status === 'True' && spec.taints === undefined;
  };
  await until('the node to be Ready and without taints', backAgain, DEADLINE);
});

test('a Pod that was marked with its node says that it is Ready again', async () => {
  const pod = await readyPod('the Pod to be Ready');
  const conditions = [{ type: 'Ready', status: 'False' }];
  await api.patch(`${PODS}/${pod.metadata.name}/status`, 'strategic-merge', { status: { conditions } });
  await readyPod('the same Pod to be Ready', (one) => one.metadata.uid === pod.metadata.uid);
});

test('a deleted Pod ends by SIGTERM, reports its exit code, and another takes its place', async () => {
  const pod = await readyPod('the Pod to be Ready');
  const path = `${PODS}/${pod.metadata.name}`;
  const last: Pod[] = [];
  const closed = new AbortController();
  const query = `${PODS}?watch=1&fieldSelector=metadata.name%3D${pod.metadata.name}&resourceVersion=${pod.metadata.resourceVersion}`;
  const watched = api.stream(query, (event) => last.push((event as { object: Pod }).object), 60_000, closed.signal);
  await api.delete(path);
  await until('the Pod to be gone', async () => (await api.find(path)) === undefined, DEADLINE);
  await until('its last state', () => last.at(-1)?.status?.phase === 'Failed', DEADLINE);
  closed.abort();
  await watched.catch(() => {});
  assert.equal(last.at(-1)?.status?.containerStatuses?.[0]?.state.terminated?.exitCode, 7);
  await readyPod('its successor', (one) => one.metadata.uid !== pod.metadata.uid);
});

test('down leaves no process, no state and no mount point', async () => {
  await cluster('down');
  assert.deepEqual(pidsWithEnv(MARK, layout.dir), []);
  assert.equal(existsSync(layout.dir), false);
  assert.equal(existsSync('/etc/chatcells-itest'), false);
});
