// `chatctl ring`, `where` and `proxy-status` against a real API server and a real control plane. No channel server runs: the test itself beats for them and carries out the handoffs that the ring manager starts.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createColors } from 'picocolors';
import { pino } from 'pino';
import { connectControl } from '../cells/contract/ads/index.ts';
import type { ControlSource } from '../cells/contract/control.ts';
import { startTestApiServer, type TestApiServer } from '../cells/contract/kube/api-server.test-support.ts';
import type { Manifest } from '../cells/contract/kube/client.ts';
import { eventually } from '../cells/contract/kube/eventually.test-support.ts';
import type { Heartbeat } from '../cells/contract/ring-store.ts';
import { ringTables, SqlRingStore, slotLoadTable } from '../cells/contract/ring-store-sql.ts';
import { NONE, nextTable } from '../cells/contract/ring-table.ts';
import { SLOTS } from '../cells/contract/slot.ts';
import { openDatabase } from '../cells/contract/sql/open-database.ts';
import { systemClock, systemRandom } from '../cells/contract/system-clock.ts';
import type { ChannelRing } from '../crds/index.ts';
import type { Environment } from './context.ts';
import type { RingFigures, RingPlan, WhereFigures } from './ring-figures.ts';
import { runCommand } from './run-command.ts';

const ROOT = join(import.meta.dirname, '..');
const PLANE = '127.78.30.1';
const PATIENCE_MS = 60_000;
const MANAGER = { fieldManager: 'test' };
const PODS = ['cell-a-channel-0', 'cell-b-channel-0'];

let api: TestApiServer;
let dir: string;
let store: SqlRingStore;
let closeStore: () => Promise<void>;
let plane: ChildProcess;
let acting: ReturnType<typeof setInterval>;
let gateway: ControlSource;

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** One command line in this process: loading the Kubernetes client anew for each takes longer than what is tested. */
async function chatctl(...args: string[]): Promise<Outcome> {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const note = (line: string): void => void stderr.push(`${line}\n`);
  const environment: Environment = {
    terminal: {
      ...{ note, live: note, isLive: false, colors: createColors(false) },
      data: (text) => void stdout.push(text),
    },
    ...{ env: {}, root: ROOT, cwd: ROOT, nowMs: Date.now, interrupted: () => false },
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
  const code = await runCommand([...args, '-n', api.namespace, '--kubeconfig', api.kubeconfigPath], environment);
  return { code, stdout: stdout.join(''), stderr: stderr.join('') };
}
const json = async <T>(...args: string[]): Promise<T> => JSON.parse((await chatctl(...args, '-o', 'json')).stdout) as T;
const object = (kind: Manifest['kind'], name: string, rest: object): Manifest => ({
  apiVersion: kind === 'Pod' ? 'v1' : 'chatcells.dev/v1alpha1',
  ...{ kind, metadata: { name, namespace: api.namespace }, ...rest },
});
const handoff = async (): Promise<ChannelRing['spec']['handoff']> =>
  (await api.client.get<ChannelRing>({ ...object('ChannelRing', 'main', {}), namespace: api.namespace, name: 'main' }))
    ?.spec.handoff;

let counter = 0;
/** What channel servers do: beat, and hand over to the member that the table names. */
async function act(): Promise<void> {
  const ring = `${api.namespace}/main`;
  for (const pod of PODS) {
    const cell = pod.slice(0, 6);
    const row: Heartbeat = {
      ...{ incarnation: `${pod}/1`, role: 'channel', pod, cell, zone: cell.replace('cell', 'zone'), ring },
      ...{ address: '127.78.30.9:7000', weight: 1, counter: counter++, state: 'serving' },
      load: { sockets: 0, slots: 8192, topics: 3, perSecond: 5 },
    };
    await store.beat(row);
  }
  const table = await store.readTable(ring);
  if (!table?.target.some((t) => t !== NONE)) return;
  const next = nextTable(table);
  for (let slot = 0; slot < SLOTS; slot++) {
    if (next.target[slot] === NONE) continue;
    next.owner[slot] = next.target[slot]!;
    next.target[slot] = NONE;
    next.slotEpoch[slot] = next.epoch;
  }
  await store.compareAndSetTable(next);
}

/** A Pod as the node agent would leave it: Ready on an address. */
async function pod(name: string, labels: Record<string, string>, ip: string): Promise<void> {
  const metadata = { name, namespace: api.namespace, labels: { 'app.kubernetes.io/name': 'chatcells', ...labels } };
  const containers = [{ name: 'main', image: 'none' }];
  const spec = { containers, automountServiceAccountToken: false, serviceAccountName: 'default' };
  await api.client.apply({ ...object('Pod', name, { spec }), metadata }, MANAGER);
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }];
  const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions };
  await api.client.apply({ ...object('Pod', name, { status }), metadata }, { ...MANAGER, subresource: 'status' });
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chatctl-ring-'));
  api = await startTestApiServer();
  const db = await openDatabase(`sqlite:${dir}/store.db`);
  closeStore = () => db.close();
  await db.exclusive(async (run) => {
    for (const sql of [...ringTables(db.dialect), slotLoadTable(db.dialect)]) await run({ sql, params: [] });
  });
  store = new SqlRingStore(db);
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: api.namespace } };
  await api.client.apply(account as Manifest, MANAGER);
  for (const cell of ['cell-a', 'cell-b'])
    await api.client.apply(
      object('Cell', cell, { spec: { region: 'r', zone: cell.replace('cell', 'zone') } }),
      MANAGER,
    );
  await api.client.apply(object('ChannelRing', 'main', { spec: { cells: ['cell-a', 'cell-b'] } }), MANAGER);
  await pod('controlplane-0', { 'app.kubernetes.io/component': 'controlplane' }, PLANE);
  acting = setInterval(() => void act().catch(() => {}), 400);
  const env = {
    ...{ KUBECONFIG: api.kubeconfigPath, POD_NAMESPACE: api.namespace, POD_NAME: 'controlplane-0', POD_IP: PLANE },
    ...{ STORE_URL: `sqlite:${dir}/store.db`, LOG_LEVEL: 'silent' },
  };
  plane = spawn(process.execPath, [join(ROOT, 'main.ts'), 'controlplane'], { env, stdio: 'ignore' });
  gateway = connectControl({
    addresses: [`${PLANE}:18000`],
    node: { id: 'no-pod/1', role: 'gateway', cell: 'cell-a', zone: 'zone-a' },
    ...{ clock: systemClock, random: systemRandom, log: pino({ level: 'silent' }) },
    backoff: { baseMs: 50, maxMs: 200 },
  });
  await gateway.ready;
});
after(async () => {
  clearInterval(acting);
  await gateway?.close();
  plane?.kill('SIGKILL');
  await api?.close();
  await closeStore?.();
  await rm(dir, { recursive: true, force: true });
});

test('status: the only ring, its members and what holds it; JSON has the same', async () => {
  const { code, stdout, stderr } = await chatctl('ring', 'status');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /Ring: +main, epoch \d+\nSlots: +max\/avg 1\.000, none without owner\n/);
  assert.match(stdout, /\ncell-b-channel-0 +cell-b +zone-b +serving +8192 +8192 +3 +5\n/);
  assert.match(stderr, /Next: chatctl ring plan main/);
  const figures = await json<RingFigures>('ring', 'status', 'main');
  assert.deepEqual([figures.orphans, figures.left, figures.paused, figures.members.length], [0, 0, false, 2]);
});

test('plan: nothing to do; what a drain would move; a name that is not there is a usage error', async () => {
  assert.match((await chatctl('ring', 'plan')).stdout, /^main at epoch \d+: nothing to do\.\n$/);
  const { stdout } = await chatctl('ring', 'plan', '--without', 'cell-b');
  assert.match(stdout, /^main without cell-b at epoch \d+: 8,192 slots change hands, 16,384 get another standby\.\n/);
  assert.match(stdout, /\ncell-b-channel-0 +cell-a-channel-0 +8192 +evacuate\n/);
  const more = await json<RingPlan & { etaMs: number }>('ring', 'plan', '--add', 'cell-a=2');
  assert.ok(more.transfers.every((t) => t.reason === 'rebalance' && t.to.startsWith('cell-a-channel-new-')));
  assert.equal(more.etaMs, 120_000, '8,192 slots at 4,096 a minute');
  const wrong = await chatctl('ring', 'plan', '--without', 'cell-x');
  assert.deepEqual([wrong.code, wrong.stdout], [2, '']);
});

test('move: refused for a stranger; a dry run changes nothing; --wait ends when the Pod owns it; the pins of others stay', async () => {
  const { owner } = await json<WhereFigures>('where', '77');
  const to = PODS.find((p) => p !== owner?.pod)!;
  const stranger = await chatctl('ring', 'move', '77', '--to', 'cell-x-channel-0');
  assert.equal(stranger.code, 4);
  assert.match(stranger.stderr, /no member of the ring; its members are cell-a-channel-0, cell-b-channel-0/);
  assert.match((await chatctl('ring', 'move', '77', '--to', to, '--dry-run')).stdout, /Slot 77 goes from .* to /);
  assert.equal((await handoff())?.pins, undefined);
  const others = { spec: { handoff: { pins: [{ slot: 9, pod: 'somebody-else' }] } } };
  await api.client.apply(
    object('ChannelRing', 'main', { spec: { cells: ['cell-a', 'cell-b'], ...others.spec } }),
    MANAGER,
  );
  const moved = await chatctl('ring', 'move', '77', '--to', to, '--reason', 'INC-1', '--wait');
  assert.equal(moved.code, 0, moved.stderr);
  assert.deepEqual((await handoff())?.pins, [
    { slot: 9, pod: 'somebody-else' },
    { slot: 77, pod: to, reason: 'INC-1' },
  ]);
  const there = await json<WhereFigures>('where', '77');
  assert.deepEqual([there.owner?.pod, there.pin?.pod], [to, to]);
  const again = await chatctl('ring', 'move', '77', '--to', to);
  assert.deepEqual([again.code, /already/.test(again.stderr)], [0, true]);
});

test('pause: planned moves wait, twice is done already; resume lets them go on; unpin', async () => {
  assert.equal((await chatctl('ring', 'pause', '--reason', 'INC-2')).code, 0);
  const again = await chatctl('ring', 'pause', '--reason', 'INC-2');
  assert.deepEqual([again.code, /is paused already/.test(again.stderr)], [0, true]);
  const { owner } = await json<WhereFigures>('where', '78');
  const to = PODS.find((p) => p !== owner?.pod)!;
  const waiting = await chatctl('ring', 'move', '78', '--to', to, '--wait', '--timeout', '2s');
  assert.equal(waiting.code, 3, 'the move is intent, and waits');
  assert.match(waiting.stderr, /main is paused \(INC-2\): the slot moves when it is resumed/);
  assert.match((await chatctl('ring', 'status')).stdout, /Paused: +yes: INC-2; failover goes on\n/);
  assert.equal((await chatctl('ring', 'resume')).code, 0);
  assert.match((await chatctl('ring', 'resume')).stderr, /is not paused/);
  assert.equal((await chatctl('ring', 'move', '78', '--to', to, '--wait')).code, 0);
  for (const slot of ['78', '77']) assert.equal((await chatctl('ring', 'move', slot, '--unpin')).code, 0);
  assert.deepEqual((await handoff())?.pins, [{ slot: 9, pod: 'somebody-else' }]);
  assert.match((await chatctl('ring', 'move', '77', '--unpin')).stderr, /is not pinned/);
});

test('proxy-status: a node that has acknowledged; a Ready edge that nobody serves is exit code 1; a dump', async () => {
  const synced = await chatctl('proxy-status', '-o', 'wide');
  assert.equal(synced.code, 0, synced.stdout);
  assert.match(synced.stdout, /\nno-pod\/1 +SlotRange +SYNCED +64 /);
  await pod('cell-a-edge-0', { 'app.kubernetes.io/component': 'edge', 'chatcells.dev/cell': 'cell-a' }, '127.78.30.2');
  const { code, stdout } = await chatctl('proxy-status');
  assert.equal(code, 1);
  assert.match(stdout, /\ncell-a-edge-0 +edge +cell-a +DISCONNECTED /);
  const dump = await chatctl('proxy-config', 'no-pod/1', '--type', 'DrainOrder', '-o', 'yaml');
  assert.match(dump.stdout, /name: cell-a\n[\s\S]*keepPercent: 100/);
  assert.equal((await chatctl('proxy-config', 'nobody')).code, 2);
});

test('without any control plane: what the operator last wrote down, and exit code 1', async () => {
  const members = [{ pod: PODS[0]!, cell: 'cell-a', zone: 'zone-a', slots: 16_384, standbySlots: 0 }];
  await api.client.apply(object('ChannelRing', 'main', { status: { epoch: 3, members } }), {
    ...MANAGER,
    subresource: 'status',
  });
  plane.kill('SIGKILL');
  await eventually(async () => {
    const { code, stdout, stderr } = await chatctl('ring', 'status');
    assert.equal(code, 1);
    assert.match(stderr, /what the operator last wrote down/);
    assert.match(stdout, /\ncell-a-channel-0 +cell-a +zone-a +16384 +0\n/);
  }, PATIENCE_MS);
});
