/** One trace from a client's request to the gateway's write, as a real OTLP/HTTP receiver gets it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { startStageOne } from './stage-one.ts';

interface Span {
  service: string;
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
}

interface Otlp {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: Omit<Span, 'service'>[] }[];
  }[];
}

/** Keeps every span that is sent to it. */
async function receiver(): Promise<{ url: string; spans: Span[]; close(): void }> {
  const spans: Span[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString()) as Otlp;
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '?';
      for (const span of scopeSpans.flatMap((scope) => scope.spans)) spans.push({ ...span, service });
    }
    assert.equal(request.url, '/v1/traces');
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, spans, close: () => server.close() };
}

/** The names of the spans of a trace, from its root: each the parent of the next. */
function path(spans: readonly Span[], traceId: string, rootParent: string): string[] {
  const names: string[] = [];
  for (let parent = rootParent; ; ) {
    const next = spans.find((span) => span.traceId === traceId && span.parentSpanId === parent);
    if (next === undefined) return names;
    names.push(`${next.service}: ${next.name}`);
    parent = next.spanId;
  }
}

test('a sampled traceparent of a request or of a frame comes out as one trace, to the write at the gateway', async (t) => {
  const otlp = await receiver();
  t.after(() => otlp.close());
  const dir = mkdtempSync(join(tmpdir(), 'chatcells-trace-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const stage = await startStageOne({
    ...{ dir, storeUrl: `sqlite:${join(dir, 'db')}`, host: '127.0.0.1', port: 0, log: pino({ level: 'silent' }) },
    otlpEndpoint: otlp.url,
  });
  const [ada, bob] = await Promise.all(['ada', 'bob'].map((name) => stage.workspaces.token('acme', name)));
  const call = async (
    token: string,
    method: string,
    body: object,
    trace?: string,
  ): Promise<Record<string, unknown>> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(`${stage.url}/api/${method}`, {
      method: 'POST',
      headers: { ...headers, ...(trace !== undefined && { traceparent: trace }) },
      body: JSON.stringify(body),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  const { channel } = (await call(ada!, 'conversations.create', { name: 'traced' })) as { channel: { id: string } };
  await call(bob!, 'conversations.join', { channel: channel.id });
  const socket = new WebSocket((await call(bob!, 'rtm.connect', {})).url as string);
  const seen = new Set<unknown>();
  const waiting = new Map<unknown, () => void>();
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data as string) as { type?: string; text?: string; reply_to?: number };
    const key = frame.reply_to ?? frame.text ?? frame.type;
    seen.add(key);
    waiting.get(key)?.();
  };
  const got = (key: unknown): Promise<void> =>
    seen.has(key) ? Promise.resolve() : new Promise((resolve) => waiting.set(key, resolve));
  await got('boot');

  const [http, frame, unsampled] = ['a', 'b', 'c'].map((digit) => digit.repeat(32)) as [string, string, string];
  const parent = '1234567890abcdef';
  const post = { channel: channel.id, text: 'over HTTP' };
  assert.equal((await call(ada!, 'chat.postMessage', post, `00-${http}-${parent}-01`)).ok, true);
  await got('over HTTP');
  await call(ada!, 'chat.postMessage', { ...post, text: 'unsampled' }, `00-${unsampled}-${parent}-00`);
  await got('unsampled');
  const traceparent = `00-${frame}-${parent}-01`;
  socket.send(JSON.stringify({ id: 7, type: 'message', channel: channel.id, text: 'over WebSocket', traceparent }));
  await got(7);
  // A later event of the channel: what came before it has been written.
  await call(ada!, 'chat.postMessage', { ...post, text: 'last' });
  await got('last');
  socket.close();
  await stage.close(); // sends what is left

  const { spans } = otlp;
  assert.deepEqual(path(spans, http, parent), [
    'api: api chat.postMessage',
    'channel: channel.post',
    'gateway: gateway.fan_out',
  ]);
  assert.deepEqual(path(spans, frame, parent), [
    'gateway: gateway.post',
    'channel: channel.post',
    'gateway: gateway.fan_out',
  ]);
  assert.deepEqual(
    spans.filter(({ traceId }) => traceId === unsampled),
    [],
  );
});
