/**
 * The client listener: HTTP upgrades on `/ws`, checked before the handshake is paid for. Whoever sends slowly, too
 * much, or from a foreign page is refused here.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Clock } from '../../cells/contract/clock.ts';
import type { ChatError, ErrorCode } from '../../cells/contract/errors.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { LIMITS } from '../protocol/limits.ts';
import type { ConnectParams } from './client-socket.ts';
import type { Gateway } from './gateway.ts';
import { originAllowed } from './origin.ts';
import { WriteWindow } from './write-window.ts';
import { GatewayWebSocket, WsSocket } from './ws-socket.ts';

const HEADERS_TIMEOUT_MS = 5_000;
const MAX_HEADER_BYTES = 16 * 1024;
const CLOSE_TIMEOUT_MS = 3_000;
const RETRY_AFTER_S = 1;

export interface WsServerOptions {
  gateway: Pick<Gateway, 'accept' | 'refusal'>;
  host: string;
  port: number;
  clock: Clock;
  log: Logger;
  /** Origins beside the own one from which browsers may connect, such as `https://app.example`. `*`: any. */
  allowedOrigins: readonly string[];
}

export interface WsServer {
  readonly port: number;
  /** Handles an upgrade that another HTTP server received: `chatctl dev` has one port for all. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Stops listening and cuts what is left. Idempotent. */
  close(): Promise<void>;
}

/** Without a listener of its own. */
export function createUpgrader(options: Omit<WsServerOptions, 'host' | 'port'>): WsServer['upgrade'] {
  const { gateway, allowedOrigins, log } = options;
  const window = new WriteWindow(options.clock);
  const settings = {
    noServer: true,
    WebSocket: GatewayWebSocket,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: LIMITS.frameBytes,
    maxFragments: 64,
    maxBufferedChunks: 1_024,
    closeTimeout: CLOSE_TIMEOUT_MS,
  };
  const server = new WebSocketServer<typeof GatewayWebSocket>(settings);
  server.on('wsClientError', (err, socket) => {
    log.debug({ err }, 'no WebSocket handshake');
    socket.destroy();
  });
  return (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const url = parseUrl(request);
    const params = url === undefined ? undefined : connectParams(request, url);
    if (params === undefined) return refuse(socket, 404, 'unknown_method');
    if (!originAllowed(request.headers.origin, request.headers.host, allowedOrigins))
      return refuse(socket, 403, 'restricted_action');
    const refusal = gateway.refusal(params);
    if (refusal !== undefined) return refuse(socket, statusOf(refusal), refusal.code);
    server.handleUpgrade(request, socket, head, (ws) => {
      const { remoteAddress, remotePort } = socket as Socket;
      gateway.accept(new WsSocket(ws, socket, window, `${remoteAddress}:${remotePort}`), params);
    });
  };
}

export async function startWsServer(options: WsServerOptions): Promise<WsServer> {
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: 2 * HEADERS_TIMEOUT_MS,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
  });
  const open = new Set<Duplex>();
  const upgrade = createUpgrader(options);
  server.on('request', (_request, response) => {
    const body = JSON.stringify({ ok: false, error: 'unknown_method' });
    response.writeHead(404, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  });
  server.on('upgrade', (request, socket, head) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    upgrade(request, socket, head);
  });
  server.on('clientError', (_err, socket) => socket.destroy());
  await listen(server, options);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
      for (const socket of open) socket.destroy();
    });
  return {
    port: (server.address() as { port: number }).port,
    upgrade,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

const listen = (server: Server, { host, port }: { host: string; port: number }): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 4_096 }, resolve);
  });

/** The path only: the host is whatever the client says. */
function parseUrl(request: IncomingMessage): URL | undefined {
  return URL.canParse(request.url ?? '', 'http://gateway') ? new URL(request.url ?? '', 'http://gateway') : undefined;
}

/** `/ws` or `/ws/<workspace>`: the workspace is for the edge's routing. Undefined for any other path. */
function connectParams(request: IncomingMessage, url: URL): ConnectParams | undefined {
  if (!/^\/ws(\/[A-Z0-9]{2,14})?\/?$/.test(url.pathname)) return undefined;
  const ticket = url.searchParams.get('ticket') ?? undefined;
  if (ticket === undefined && url.searchParams.get('resume') !== '1') return undefined;
  const { traceparent } = request.headers;
  return {
    ticket,
    boot: url.searchParams.get('boot') !== 'none',
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
  };
}

const statusOf = (error: ChatError): number => (error.code === 'ticket_invalid' ? 401 : 503);

function refuse(socket: Duplex, status: number, code: ErrorCode): void {
  const body = JSON.stringify({ ok: false, error: code });
  const retry = status === 503 ? `Retry-After: ${RETRY_AFTER_S}\r\n` : '';
  // A peer that never ends its half would keep the descriptor.
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\n${retry}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
