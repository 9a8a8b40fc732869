/** The admin port of every role: /livez, /readyz, /metrics and what the role adds under /debug/. */
import { createServer, type ServerResponse } from 'node:http';
import { collectDefaultMetrics, type Registry } from 'prom-client';
import { ChatError } from '../errors.ts';

export interface AdminServerOptions {
  host: string;
  port: number;
  registry: Registry;
  /** Empty when ready; otherwise what the process waits for, by name. */
  notReady: () => readonly string[];
  /** Answers GET paths that the role adds; undefined falls through to 404. */
  route?: (url: URL) => Promise<unknown> | undefined;
}

export interface AdminServer {
  /** The port that was bound. */
  readonly port: number;
  close(): Promise<void>;
}

export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const { registry } = options;
  if (!registry.getSingleMetric('process_cpu_seconds_total'))
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 50 });
  const server = createServer((request, response) => {
    answer(options, request.url ?? '/', response).catch((e: unknown) => {
      const error = ChatError.from(e);
      send(
        response,
        error.httpStatus === 200 ? 400 : error.httpStatus,
        'application/json',
        JSON.stringify({ error: error.code, message: error.message, hint: error.hint }),
      );
    });
  });
  server.keepAliveTimeout = 30_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as { port: number }).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(options: AdminServerOptions, target: string, response: ServerResponse): Promise<void> {
  // A target such as "//" is valid HTTP and no URL: whoever sends it must not end the process.
  const url = URL.parse(target, 'http://admin');
  switch (url?.pathname) {
    case '/livez':
      return send(response, 200, 'text/plain', 'ok\n');
    case '/readyz': {
      const waiting = options.notReady();
      return send(
        response,
        waiting.length ? 503 : 200,
        'text/plain',
        waiting.length ? `waiting for ${waiting.join(', ')}\n` : 'ok\n',
      );
    }
    case '/metrics':
      return send(response, 200, options.registry.contentType, await options.registry.metrics());
    default: {
      const body = url === null ? undefined : options.route?.(url);
      if (body === undefined) return send(response, 404, 'text/plain', 'not found\n');
      return send(response, 200, 'application/json', `${JSON.stringify(await body)}\n`);
    }
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
