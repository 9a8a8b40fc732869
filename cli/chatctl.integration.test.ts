// chatctl as a process against a real API server. No operator runs: the test itself sets the status that one would.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, verify } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { WorkspaceId } from '../cells/contract/ids.ts';
import { startTestApiServer, type TestApiServer } from '../cells/contract/kube/api-server.test-support.ts';
import type { Manifest } from '../cells/contract/kube/client.ts';
import { eventually } from '../cells/contract/kube/eventually.test-support.ts';
import { encodeTokenKey, tokenSecretName } from '../cells/contract/kube/token-secret.ts';
import type { Cell, PracticeDrain } from '../crds/index.ts';
import { refTo } from './resources.ts';
import { deriveUserId } from './user-id.ts';

const MANAGER = { fieldManager: 'test' };
let api: TestApiServer;

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** `seen` gets the growing stderr, so that a test can act on what was said. */
function chatctl(
  args: readonly string[],
  seen?: (stderr: string, interrupt: () => void) => void,
  over: readonly string[] = [],
): Promise<Outcome> {
  const where = ['-n', api.namespace, '--kubeconfig', api.kubeconfigPath, ...over];
  const all = [join(import.meta.dirname, 'main.ts'), ...args, ...where];
  const child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    seen?.(stderr, () => child.kill('SIGINT'));
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}

const base = (kind: 'Cell' | 'Secret', name: string): Manifest => ({
  apiVersion: kind === 'Cell' ? 'chatcells.dev/v1alpha1' : 'v1',
  kind,
  metadata: { name, namespace: api.namespace },
});

async function setStatus(name: string, status: NonNullable<Cell['status']>): Promise<void> {
  await api.client.apply({ ...base('Cell', name), status }, { ...MANAGER, subresource: 'status' });
}
const drainOf = async (name: string): Promise<Cell['spec']['drain']> =>
  (await api.client.get<Cell>(refTo('Cell', api.namespace, name)))?.spec.drain;

before(async () => {
  api = await startTestApiServer();
  for (const [name, zone] of Object.entries({ 'cell-a': 'zone-a', 'cell-b': 'zone-b' })) {
    await api.client.apply({ ...base('Cell', name), spec: { region: 'r', zone } }, MANAGER);
    await setStatus(name, { weight: 100, drain: { phase: 'None' }, observedGeneration: 1 });
  }
});
after(() => api?.close());

test('get: a table, and JSON that parses', async () => {
  const table = await chatctl(['get', 'cells']);
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, /^NAME +READY +ZONE[^\n]*\ncell-a [^\n]*zone-a[^\n]*\ncell-b /);
  const json = await chatctl(['get', 'cell', 'cell-b', '-o', 'json']);
  assert.equal((JSON.parse(json.stdout) as Cell).spec.zone, 'zone-b');
  assert.match(json.stderr, /Next: chatctl/);
});

test('what is not there is exit code 1, whatever the format', async () => {
  const { code, stdout, stderr } = await chatctl(['get', 'cells', 'cell-x', '-o', 'json']);
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /Cell cell-x was not found/);
});

test('status: exit code 1 while something is not ready, 3 when it is waited for too long', async () => {
  assert.equal((await chatctl(['status', '-o', 'json'])).code, 1);
  assert.equal((await chatctl(['status', '--wait', '--timeout', '100ms'])).code, 3);
});

test('a namespace with nothing in it, and a cluster without Chatcells, are told with what to do', async () => {
  const nothing = await chatctl(['status'], undefined, ['-n', 'elsewhere']);
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /No cells, rings or workspaces in namespace elsewhere/);
  assert.match(nothing.stderr, /kubectl apply -n elsewhere -f examples/);
  const foreign = createServer((_request, response) => void response.writeHead(404).end('404 page not found\n'));
  foreign.listen(0, '127.0.0.1');
  await once(foreign, 'listening');
  const dir = mkdtempSync(join(tmpdir(), 'chatctl-'));
  const kubeconfig = join(dir, 'kubeconfig');
  const { port } = foreign.address() as AddressInfo;
  const cluster = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
  const at = { name: 'x', cluster, context: { cluster: 'x', user: 'x' }, user: {} };
  const config = { kind: 'Config', 'current-context': 'x', clusters: [at], contexts: [at], users: [at] };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const { code, stderr } = await chatctl(['status'], undefined, ['--kubeconfig', kubeconfig]);
  rmSync(dir, { recursive: true });
  foreign.close();
  assert.equal(code, 1);
  assert.match(stderr, /Chatcells is not installed/);
  assert.match(stderr, /helm install/);
});

test('a bad time-out is refused before anything is written', async () => {
  const { code } = await chatctl(['drain', 'cell-b', '--wait', '--timeout', 'soon']);
  assert.equal(code, 2);
  assert.equal((await drainOf('cell-b'))?.targetWeight, undefined);
});

test('drain: a dry run changes nothing; then intent is written; again it keeps the pace', async () => {
  const dry = await chatctl(['drain', 'cell-b', '--dry-run', '--fast']);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /from 100 % to 0 % by 1 % every 500ms, about 50s/);
  assert.equal((await drainOf('cell-b'))?.targetWeight, undefined);
  assert.equal((await chatctl(['drain', 'cell-b', '--fast', '--reason', 'practice'])).code, 0);
  const written = await drainOf('cell-b');
  assert.deepEqual([written?.targetWeight, written?.stepInterval, written?.reason], [0, '500ms', 'practice']);
  assert.equal((await chatctl(['drain', 'cell-b'])).code, 0);
  assert.deepEqual(await drainOf('cell-b'), written);
});

test('the last cell is refused with exit code 4', async () => {
  const { code, stderr } = await chatctl(['drain', 'cell-a', '--force', '--reason', 'test']);
  assert.equal(code, 4);
  assert.match(stderr, /no other Cell takes traffic/);
});

test('Ctrl-C ends the watching alone; a time-out is exit code 3', async () => {
  const interrupted = await chatctl(['drain', 'cell-b', '--wait'], (stderr, interrupt) => {
    if (/weight 100 %/.test(stderr)) interrupt();
  });
  assert.equal(interrupted.code, 3);
  assert.match(interrupted.stderr, /Stopped watching; the operator goes on/);
  assert.equal((await drainOf('cell-b'))?.targetWeight, 0);
  assert.equal((await chatctl(['drain', 'cell-b', '--wait', '--timeout', '100ms'])).code, 3);
});

test('--wait ends when the cell is drained; draining it again is done already', async () => {
  const waiting = chatctl(['drain', 'cell-b', '--wait']);
  await setStatus('cell-b', { weight: 0, drain: { phase: 'Drained' }, observedGeneration: 99 });
  assert.equal((await waiting).code, 0);
  const again = await chatctl(['drain', 'cell-b']);
  assert.equal(again.code, 0);
  assert.match(again.stderr, /drained already/);
});

test('what is neither drained nor undrained is not paused: exit code 4', async () => {
  const { code, stderr } = await chatctl(['pause', 'cell-a']);
  assert.equal(code, 4);
  assert.match(stderr, /Not paused: cell-a neither drains nor undrains/);
});

test('pause and resume write intent, and say where it stands; a repeated drain does not resume', async () => {
  await setStatus('cell-b', { weight: 40, drain: { phase: 'Draining' }, observedGeneration: 99 });
  const paused = await chatctl(['pause', 'cell-b', '--reason', 'watching']);
  assert.equal(paused.code, 0, paused.stderr);
  assert.match(paused.stdout, /^cell-b is to stand still: it was at 40 %, its target is 0 %/);
  assert.equal((await chatctl(['drain', 'cell-b'])).code, 0);
  const standing = await drainOf('cell-b');
  assert.deepEqual([standing?.paused, standing?.pauseReason, standing?.targetWeight], [true, 'watching', 0]);
  assert.match((await chatctl(['pause', 'cell-b'])).stdout, /is paused already/);
  assert.match((await chatctl(['resume', 'cell-b'])).stdout, /is to go on: it was at 40 %/);
  const going = await drainOf('cell-b');
  assert.deepEqual([going?.paused, going?.pauseReason], [false, undefined]);
  assert.match((await chatctl(['resume', 'cell-b'])).stdout, /is not paused/);
});

test('who asked is written, as the API server knows it, and a deadline', async () => {
  await chatctl(['drain', 'cell-b', '--deadline', '10m', '--reason', 'INC-1']);
  const drain = await drainOf('cell-b');
  assert.equal(drain?.deadline, '10m');
  assert.match(drain?.requestedBy ?? '', /^\S+/);
});

test('undrain removes the target', async () => {
  assert.equal((await chatctl(['undrain', 'cell-b', '--fast'])).code, 0);
  const drain = await drainOf('cell-b');
  assert.deepEqual([drain?.targetWeight, drain?.stepInterval], [undefined, '500ms']);
});

test('practice run: asks for a run, watches it to its outcome, and refuses a second one meanwhile', async () => {
  const spec = { cells: ['cell-b'], hypothesis: 'nothing is lost', suspend: true };
  const object = { ...base('Cell', 'weekly'), kind: 'PracticeDrain' } as const;
  await api.client.apply({ ...object, spec }, MANAGER);
  const setRun = (status: PracticeDrain['status']) =>
    api.client.apply({ ...object, status }, { ...MANAGER, subresource: 'status' });
  const watching = chatctl(['practice', 'run', 'weekly', '--wait']);
  const ref = refTo('PracticeDrain', api.namespace, 'weekly');
  const runAt = await eventually(async () => (await api.client.get<PracticeDrain>(ref))?.spec.runAt ?? false, 120_000);
  const times = { startedAt: runAt, finishedAt: runAt };
  await setRun({ run: { cell: 'cell-b', startedAt: runAt, generation: 1, targetWeight: 0 } });
  const second = await chatctl(['practice', 'run', 'weekly']);
  assert.equal(second.code, 4);
  assert.match(second.stderr, /already practises with cell-b/);
  const lastRun = { ...times, cell: 'cell-b', outcome: 'Aborted', reason: 'ErrorBudget', message: 'too many' } as const;
  await setRun({ handledRunAt: runAt, lastRun });
  const { code, stdout } = await watching;
  assert.equal(code, 1);
  assert.match(stdout, /^weekly {2}cell-b {2}Aborted: too many/);
  assert.match((await chatctl(['get', 'pd'])).stdout, /Aborted: ErrorBudget/);
});

test('token: prints only the token, of the right workspace and user', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const { x, d } = privateKey.export({ format: 'jwk' });
  const workspaceId = 'TACME1' as WorkspaceId;
  const data = encodeTokenKey({ workspaceId, kid: 'k1', jwk: { kty: 'OKP', crv: 'Ed25519', x: x!, d: d! } });
  await api.client.apply({ ...base('Secret', tokenSecretName('acme')), data }, MANAGER);
  const { code, stdout } = await chatctl(['token', '-w', 'acme', '-u', 'ada', '--role', 'admin']);
  assert.equal(code, 0);
  const [head, claims, signature] = stdout.trim().split('.');
  const bytes = (part: string): Buffer => Buffer.from(part, 'base64url');
  const signed = Buffer.from(`${head}.${claims}`);
  assert.ok(verify(null, signed, publicKey, bytes(signature!)));
  const { exp, ...rest } = JSON.parse(bytes(claims!).toString()) as Record<string, unknown>;
  assert.equal(typeof exp, 'number');
  const user_id = deriveUserId(workspaceId, 'ada');
  assert.deepEqual(rest, { workspace_id: workspaceId, user_id, roles: ['admin'], name: 'ada' });
  assert.equal((await chatctl(['token', '-w', 'nobody', '-u', 'ada'])).code, 1);
});
