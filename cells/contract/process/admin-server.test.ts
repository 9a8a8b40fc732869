import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { startAdminServer } from './admin-server.ts';

/** The status line of the answer to a request whose target is sent as it is. */
async function statusOf(port: number, target: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return chunk.toString().split('\r\n', 1)[0]!;
}

test('answers every request target, readable or not, and goes on', async (t) => {
  let waiting = ['store'];
  const admin = await startAdminServer({
    host: '127.0.0.1',
    port: 0,
    registry: new Registry(),
    notReady: () => waiting,
    route: (url) => (url.pathname === '/debug/v1/broken' ? Promise.reject(new Error('inside')) : undefined),
  });
  t.after(() => admin.close());
  const status = (target: string): Promise<string> => statusOf(admin.port, target);
  assert.match(await status('/readyz'), / 503 /);
  waiting = [];
  assert.match(await status('/readyz'), / 200 /);
  for (const target of ['//', 'http://', '/\\x', '*', '/nothing']) assert.match(await status(target), / 404 /, target);
  assert.match(await status('/debug/v1/broken'), / 500 /);
  assert.match(await status('/livez'), / 200 /);
  const text = await (await fetch(`http://127.0.0.1:${admin.port}/metrics`)).text();
  assert.match(text, /process_cpu_seconds_total/);
});
