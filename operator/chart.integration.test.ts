/** The chart by the real Helm: it lints, renders for both kinds of cluster, and refuses what it does not know. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';

const ROOT = new URL('../', import.meta.url).pathname;
const CHART = join(ROOT, 'charts/chatcells');

const helm = (...args: string[]) =>
  spawnSync(join(ROOT, '.tools/bin/helm'), args, { cwd: ROOT, encoding: 'utf8', timeout: 60_000 });
const template = (...args: string[]) =>
  helm('template', 'chatcells', CHART, '--kube-version', '1.34.4', '--namespace', 'chat', ...args);
const STORE = ['--set', 'store.url=mysql://user@host/chat'];

interface Rendered {
  kind: string;
  metadata: { name: string };
  spec?: { replicas?: number; template?: { spec: PodSpec } };
  rules?: { verbs: string[]; resources: string[] }[];
}
interface PodSpec {
  hostNetwork?: boolean;
  topologySpreadConstraints: { topologyKey: string; maxSkew: number }[];
  securityContext: { runAsNonRoot: boolean; seccompProfile: { type: string } };
  containers: {
    args: string[];
    env: { name: string; value?: string }[];
    securityContext: { capabilities: { drop: string[] }; allowPrivilegeEscalation: boolean };
  }[];
}
function rendered(...args: string[]): Rendered[] {
  const result = template(...args);
  assert.equal(result.status, 0, result.stderr);
  return parseAllDocuments(result.stdout)
    .map((d) => d.toJS() as Rendered | null)
    .filter((o) => o !== null);
}

test('helm lint is content', () => {
  const result = helm('lint', CHART, ...STORE, '--kube-version', '1.34.4');
  assert.equal(result.status, 0, result.stdout + result.stderr);
});

test('the chart has the CRDs of crds/', () => {
  const names = readdirSync(join(ROOT, 'crds'))
    .filter((n) => n.endsWith('.yaml'))
    .sort();
  assert.deepEqual(readdirSync(join(CHART, 'crds')).sort(), names);
  for (const name of names) {
    assert.equal(readFileSync(join(CHART, 'crds', name), 'utf8'), readFileSync(join(ROOT, 'crds', name), 'utf8'), name);
  }
});

test('every Pod is restricted, and no Role has a wildcard', () => {
  const objects = rendered(...STORE);
  const pods = objects.map((o) => o.spec?.template?.spec).filter((s) => s !== undefined);
  assert.equal(pods.length, 3);
  for (const pod of pods) {
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault');
    for (const { securityContext } of pod.containers) {
      assert.deepEqual([securityContext.capabilities.drop, securityContext.allowPrivilegeEscalation], [['ALL'], false]);
    }
  }
  assert.equal(objects.filter((o) => o.kind.startsWith('Cluster')).length, 0);
  for (const { verbs, resources } of objects.flatMap((o) => o.rules ?? [])) {
    assert.ok(![...verbs, ...resources].includes('*'));
    assert.deepEqual(verbs, [...verbs].sort());
  }
});

test('the local values give fixed addresses; the defaults the name of the Service', () => {
  const xdsOf = (objects: Rendered[]) =>
    objects
      .find((o) => o.kind === 'Deployment' && o.metadata.name === 'chatcells-operator')
      ?.spec?.template?.spec.containers[0]?.env.find((e) => e.name === 'XDS_ADDRESSES')?.value;
  const local = rendered('--values', join(ROOT, 'examples/local-values.yaml'));
  assert.equal(xdsOf(local), 'zone-a=127.1.0.1:18000,zone-b=127.2.0.1:18000,zone-c=127.3.0.1:18000');
  assert.equal(
    local.find((o) => o.metadata.name === 'chatcells-controlplane' && o.kind === 'Deployment')?.spec?.template?.spec
      .hostNetwork,
    true,
  );
  assert.equal(xdsOf(rendered(...STORE)), 'chatcells-controlplane.chat.svc:18000');
});

test('one zone that is lost takes neither all operators nor all control planes with it', () => {
  for (const name of ['chatcells-operator', 'chatcells-controlplane']) {
    const { spec } = rendered(...STORE).find((o) => o.kind === 'Deployment' && o.metadata.name === name)!;
    assert.ok(spec!.replicas! > 1, `${name} has ${spec!.replicas}`);
    const [spread] = spec!.template!.spec.topologySpreadConstraints;
    assert.deepEqual([spread?.topologyKey, spread?.maxSkew], ['topology.kubernetes.io/zone', 1]);
  }
});

test('optional parts render', () => {
  const on = ['networkPolicy', 'prometheusRule', 'dashboard'].flatMap((name) => ['--set', `${name}.enabled=true`]);
  const kinds = rendered(...STORE, ...on).map((o) => `${o.kind} ${o.metadata.name}`);
  for (const wanted of [
    'NetworkPolicy chatcells',
    'NetworkPolicy chatcells-edge',
    'NetworkPolicy chatcells-metrics',
    'PrometheusRule chatcells',
    'ConfigMap chatcells-dashboard',
    'PodDisruptionBudget chatcells-operator',
  ]) {
    assert.ok(kinds.includes(wanted), wanted);
  }
});

test('other namespaces reach the client port of the edges, the metrics of all others, and nothing else', () => {
  const policies = rendered(...STORE, '--set', 'networkPolicy.enabled=true')
    .filter((o) => o.kind === 'NetworkPolicy')
    .map((o) => o.spec as unknown as NetworkPolicySpec);
  const open = (component: string): (string | undefined)[] => {
    const labels = { 'app.kubernetes.io/name': 'chatcells', 'app.kubernetes.io/component': component };
    return policies
      .filter(({ podSelector }) => selects(podSelector, labels))
      .flatMap(({ ingress }) => ingress)
      .filter(({ from }) => from === undefined || from.some((peer) => peer.namespaceSelector !== undefined))
      .flatMap(({ ports = [{ port: undefined }] }) => ports.map(({ port }) => port));
  };
  for (const component of ['operator', 'controlplane', 'gateway', 'channel', 'api'])
    assert.deepEqual(open(component), ['admin'], component);
  assert.deepEqual(open('edge'), ['http']);
});
interface NetworkPolicySpec {
  podSelector: Selector;
  ingress: { from?: { podSelector?: Selector; namespaceSelector?: object }[]; ports?: { port: string }[] }[];
}
interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values: string[] }[];
}
const selects = ({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Record<string, string>): boolean =>
  Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
  matchExpressions.every(({ key, operator, values }) => {
    assert.equal(operator, 'NotIn');
    return !values.includes(labels[key]!);
  });

const bad: [what: string, args: string[], words: RegExp][] = [
  ['an unknown key', ['--set', 'operatr.replicas=2'], /operatr/],
  ['an unknown key inside', ['--set', 'operator.replica=2'], /replica/],
  ['a number out of range', ['--set', 'controlplane.replicas=0'], /replicas/],
  ['an address without a port', ['--set', 'controlplane.addresses={host}'], /addresses/],
  ['a store that is none', ['--set', 'store.url=postgres://x'], /store/],
];
for (const [what, args, words] of bad) {
  test(`${what} is refused`, () => {
    const result = template(...STORE, ...args);
    assert.notEqual(result.status, 0);
    assert.match(result.stderr, words);
  });
}

test('without a store it says what to set', () => {
  const result = template();
  assert.notEqual(result.status, 0);
  assert.match(result.stderr, /Set store.url/);
});
