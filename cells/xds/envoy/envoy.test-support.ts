/** For tests: a real Envoy as an edge, echo servers as cells, and an ADS server over the real builders. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocketServer } from 'ws';

export const ENVOY_BINARY = new URL('../../../.tools/bin/envoy', import.meta.url).pathname;

export interface Envoy {
  process: ChildProcess;
  log(): Promise<string>;
  close(): Promise<void>;
}

export async function startEnvoy(
  node: { id: string; cell: string; podIp: string },
  xdsPort: number,
  xdsIp = '127.0.0.1',
): Promise<Envoy> {
  if (!existsSync(ENVOY_BINARY)) throw new Error('.tools/bin/envoy is missing: make setup');
  const dir = await mkdtemp(join(tmpdir(), 'envoy-'));
  const ads = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' };
  const bootstrap = {
    node: {
      id: node.id,
      cluster: node.cell,
      metadata: { cell: node.cell, zone: 'zone-a', role: 'edge', pod_ip: node.podIp },
    },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'chatcells-controlplane' } }],
      },
      cds_config: ads,
      lds_config: ads,
    },
    cluster_manager: {
      load_stats_config: {
        api_type: 'GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'chatcells-controlplane' } }],
      },
    },
    static_resources: {
      clusters: [
        {
          name: 'chatcells-controlplane',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'chatcells-controlplane',
            endpoints: [
              {
                lb_endpoints: [{ endpoint: { address: { socket_address: { address: xdsIp, port_value: xdsPort } } } }],
              },
            ],
          },
        },
      ],
    },
  };
  const config = join(dir, 'bootstrap.json');
  const log = join(dir, 'envoy.log');
  await writeFile(config, JSON.stringify(bootstrap));
  const args = ['-c', config, '--use-dynamic-base-id', '--concurrency', '1', '--log-path', log, '-l', 'warning'];
  const child = spawn(ENVOY_BINARY, args, { stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    process: child,
    log: () => readFile(log, 'utf8').catch(() => ''),
    async close() {
      child.kill('SIGKILL');
      await exited;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export interface EchoServer {
  cell: string;
  ip: string;
  hits: number;
  close(): Promise<void>;
}

/** Answers any request with its cell's name, /api/fail with 500, /api/hang never; echoes WebSocket frames. */
export async function startEcho(cell: string, ip: string, port: number): Promise<EchoServer> {
  const server: Server = createServer(({ url }, response) => {
    echo.hits++;
    if (url === '/api/hang') return;
    response.statusCode = url === '/api/fail' ? 500 : url === '/api/refuse' ? 429 : 200;
    response.end(cell);
  });
  const sockets = new WebSocketServer({ server, path: '/ws' });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`${cell}:${String(data)}`)));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, ip, resolve);
  });
  const echo: EchoServer = {
    cell,
    ip,
    hits: 0,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets.clients) socket.terminate();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return echo;
}

/** Status and body of a request; status 0 when the connection failed. */
export function get(ip: string, port: number, path: string, method = 'GET'): Promise<{ status: number; body: string }> {
  return new Promise((resolve) => {
    const failed = (): void => resolve({ status: 0, body: '' });
    const outgoing = request({ host: ip, port, path, method, timeout: 5_000 }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += String(chunk);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', failed);
    });
    outgoing.on('error', failed);
    outgoing.end();
  });
}

export async function until(condition: () => boolean | Promise<boolean>, what: string, ms = 15_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
