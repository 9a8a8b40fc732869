import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

const MAIN = join(import.meta.dirname, '../../main.ts');

/** Of what exists: the design's names. */
const METRICS = [
  'ws_connections_active',
  'message_delivery_latency',
  'channel_server_channels_per_host',
  'fan_out_ratio',
  'reconnection_rate',
  'message_persist_latency',
];

interface Dev {
  child: ChildProcess;
  url: string;
  ada: string;
  bob: string;
}
type Answer = Record<string, unknown> & { ok: boolean };

async function start(dir: string): Promise<Dev> {
  const child = spawn(process.execPath, [MAIN, 'dev', '--port', '0', '--dev-dir', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const line of createInterface(child.stdout!)) {
    text += `${line}\n`;
    if (line.startsWith('Data and keys')) break;
  }
  const find = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? assert.fail(`no ${pattern} in ${text}`);
  return { child, url: find(/ready at (\S+)/), ada: find(/TOKEN=(\S+)/), bob: find(/BOB=(\S+)/) };
}

async function stop({ child }: Dev, signal: NodeJS.Signals): Promise<number | null> {
  const exited = once(child, 'exit');
  child.kill(signal);
  return (await exited)[0] as number | null;
}

async function call(url: string, method: string, token: string, args: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${url}/api/${method}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: new URLSearchParams(args),
  });
  return (await response.json()) as Answer;
}

/** The frames of a WebSocket, in order. */
async function* frames(dev: Dev, token: string): AsyncGenerator<Record<string, unknown>> {
  const { url } = await call(dev.url, 'rtm.connect', token);
  const socket = new WebSocket(url as string);
  const queue: Record<string, unknown>[] = [];
  let wake = (): void => undefined;
  socket.onmessage = ({ data }) => {
    queue.push(JSON.parse(data as string) as Record<string, unknown>);
    wake();
  };
  try {
    for (;;) {
      while (queue.length > 0) yield queue.shift()!;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    socket.close();
  }
}

async function until(
  stream: AsyncGenerator<Record<string, unknown>>,
  matches: (f: Record<string, unknown>) => boolean,
) {
  for (;;) {
    const { value } = await stream.next();
    if (matches(value as Record<string, unknown>)) return value as Record<string, unknown>;
  }
}

/** Exit code and what stands on stderr, of a run that ends by itself. */
async function runToEnd(...args: string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr };
}

test('dev: what its user can mend is told in a sentence, with exit code 2', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'chatcells-dev-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const port = String((other.address() as AddressInfo).port);
  const cases: [string[], RegExp][] = [
    [['dev', '--port', port, '--dev-dir', dir], /^Configuration PORT: .* is in use/],
    [['dev-token', '--workspace-name', 'nope', '--dev-dir', dir], /^Configuration WORKSPACE_NAME: .* acme and globex/],
    [['dev', '--port', '0', '--dev-dir', join(dir, 'spoilt')], /^Configuration DEV_DIR: .*keys\.json/],
  ];
  mkdirSync(join(dir, 'spoilt'));
  writeFileSync(join(dir, 'spoilt/keys.json'), '{');
  for (const [args, words] of cases) {
    const { code, stderr } = await runToEnd(...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, words);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
});

test('dev: posts reach the other over WebSocket; data, keys and tokens outlive a restart and a crash', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'chatcells-dev-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  let dev = await start(dir);
  t.after(() => dev.child.kill('SIGKILL'));
  const created = await call(dev.url, 'conversations.create', dev.ada, { name: 'hello' });
  const channel = (created.channel as { id: string }).id;
  await call(dev.url, 'auth.test', dev.bob);
  const joined = await call(dev.url, 'conversations.join', dev.bob, { channel });
  assert.equal(joined.ok, true, JSON.stringify(joined));

  const { ada, bob } = dev;
  const posted: string[] = [];
  for (const end of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
    const stream = frames(dev, bob);
    const boot = await until(stream, ({ type }) => type === 'boot');
    assert.ok(JSON.stringify(boot).includes(channel));
    const answer = await call(dev.url, 'chat.postMessage', ada, { channel, text: `before ${end}` });
    assert.equal(answer.ok, true, JSON.stringify(answer));
    posted.push(answer.ts as string);
    const event = await until(stream, ({ type }) => type === 'message');
    assert.deepEqual([event.ts, event.channel, event.text], [answer.ts, channel, `before ${end}`]);
    await stream.return(undefined);
    assert.equal(await stop(dev, end), end === 'SIGTERM' ? 0 : null);
    dev = await start(dir);
  }
  const history = (await call(dev.url, 'conversations.history', bob, { channel })) as unknown as {
    messages: { ts: string; text?: string }[];
  };
  const texts = history.messages.filter(({ ts }) => posted.includes(ts)).map(({ ts }) => ts);
  assert.deepEqual(texts, [...posted].reverse());
  assert.match(await (await fetch(dev.url)).text(), /stage 1/);
  for (const probe of ['livez', 'readyz']) assert.equal((await fetch(`${dev.url}/${probe}`)).status, 200, probe);
  const metrics = await (await fetch(`${dev.url}/metrics`)).text();
  for (const name of METRICS) assert.match(metrics, new RegExp(`^# TYPE ${name} `, 'm'), name);
  assert.equal((await fetch(`${dev.url}/nothing`)).status, 404);
  assert.equal(await stop(dev, 'SIGTERM'), 0);
});
