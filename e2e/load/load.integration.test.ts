/** The load process against stage 1: its server is stopped by plan, killed, and comes back; the history checker judges. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { mintToken } from '../../dataplane/client/token.ts';
import { dumpLog } from '../checker/dump-log.ts';
import { checkFiles } from '../checker/main.ts';
import { ROOT, until } from '../system/command.ts';
import type { LoadClient } from './load-messages.ts';
import { Load } from './load-process.ts';

const CLIENTS = 30;
const WORKSPACE = 'TACME';

/** Resolves with the process and its URL when it serves. */
async function startDev(dir: string, port: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [join(ROOT, 'main.ts'), 'dev', '--port', port, '--dev-dir', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface(child.stdout!)) {
    const url = /ready at (\S+)/.exec(line)?.[1];
    if (url === undefined) continue;
    child.stdout!.resume();
    return { child, url };
  }
  throw new Error('dev ended before it was ready');
}

async function stopDev(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

async function call(url: string, token: string, method: string, args: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/api/${method}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(args),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  assert.equal(answer.ok, true, `${method}: ${JSON.stringify(answer)}`);
  return answer;
}

/** Two channels with everybody in them. */
async function prepare(url: string, dir: string): Promise<LoadClient[]> {
  const keys = JSON.parse(readFileSync(join(dir, 'keys.json'), 'utf8')) as {
    workspaces: { acme: Parameters<typeof mintToken>[0] };
  };
  const clients: LoadClient[] = [];
  const expires = Math.floor(Date.now() / 1000) + 3_600;
  for (let i = 0; i < CLIENTS; i++) {
    const user = `U${(1_000_000 + i).toString(36).toUpperCase()}`;
    const token = await mintToken(keys.workspaces.acme, { workspace: WORKSPACE, user, name: `load-${i}`, expires });
    await call(url, token, 'auth.test', {});
    clients.push({ name: `load-${i}`, workspace: WORKSPACE, user, token, channels: [] });
  }
  const [first, ...others] = clients;
  for (const name of ['one', 'two']) {
    const created = await call(url, first!.token, 'conversations.create', { name, is_private: name === 'two' });
    const { id } = created.channel as { id: string };
    await call(url, first!.token, 'conversations.invite', { channel: id, users: others.map((c) => c.user).join(',') });
    for (const client of clients) client.channels.push(id);
  }
  return clients;
}

test('restart, crash and a kick under load: all acknowledged, nothing lost, every failed request counted', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'chatcells-load-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  let dev = await startDev(dir, '0');
  t.after(() => dev.child.kill('SIGKILL'));
  const { url } = dev;
  const clients = await prepare(url, dir);
  const historyDir = join(dir, 'history');
  mkdirSync(historyDir);
  const load = new Load();
  t.after(() => load.kill());
  const edges = ['x', 'y'].map((zone) => ({ zone, url }));
  load.start({ edges, historyDir, clients, postEveryMs: 500 });
  await until('all connected', 60_000, async () => load.figures.connected === CLIENTS || undefined);
  await load.acknowledged(60);

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    load.watch({ atMs: Date.now(), forMs: 5_000, topics: [clients[0]!.channels[0]!] });
    await stopDev(dev.child, signal);
    const { httpFailures } = load.figures;
    await until('requests failed', 60_000, async () => load.figures.httpFailures > httpFailures || undefined);
    dev = await startDev(dir, new URL(url).port);
    await until('all are back', 60_000, async () => load.figures.connected === CLIENTS || undefined);
    await load.acknowledged(60);
  }
  const kicked = clients.at(-1)!;
  await call(url, clients[0]!.token, 'conversations.kick', { channel: kicked.channels[1], user: kicked.user });
  await load.acknowledged(60);

  const final = await load.stop();
  assert.ok(final.resumes >= 2 * CLIENTS, `resumes: ${final.resumes}`);
  assert.ok(final.longestPostMs > 0);
  assert.deepEqual(Object.keys(final.gapsMs), [clients[0]!.channels[0]]);
  const failed = Object.values(final.failuresByEdge).reduce((sum, n) => sum + n, 0);
  assert.equal(failed, final.httpFailures);
  assert.ok(final.failures.length > 0);
  await stopDev(dev.child, 'SIGTERM');
  await dumpLog(`sqlite:${join(dir, 'chatcells.db')}`, join(dir, 'log.jsonl'));
  const verdict = await checkFiles(historyDir, join(dir, 'log.jsonl'));
  assert.deepEqual(verdict.findings, []);
  assert.equal(verdict.clients, CLIENTS);
  assert.equal(verdict.sent, final.sent);
  assert.equal(verdict.acknowledged, final.acknowledged);
  // A post or two of the kicked one may have been refused.
  assert.ok(final.sent - final.acknowledged <= 3, `${final.sent} sent, ${final.acknowledged} acknowledged`);
  t.diagnostic(JSON.stringify({ ...final, failures: final.failures.length, delivered: verdict.delivered }));
});
