/** The client's transport over `ws` and fetch. */
import { WebSocket } from 'ws';
import { type Http, HttpFailure, type OpenSocket } from './transport.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const NEVER_SENT: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

export const openWebSocket: OpenSocket = (url, handlers) => {
  if (!/^wss?:$/.test(URL.parse(url)?.protocol ?? '')) {
    queueMicrotask(() => handlers.closed(1006, 'not a WebSocket URL'));
    return { send: () => undefined, close: () => undefined };
  }
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: MAX_MESSAGE_BYTES,
  });
  socket.on('open', () => handlers.open());
  socket.on('message', (data: Buffer) => handlers.message(data.toString()));
  socket.on('error', () => undefined); // a close follows
  socket.on('close', (code, reason) => handlers.closed(code, reason.toString()));
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: (code, reason) => {
      socket.close(code, reason);
      // A peer that is gone answers no closing handshake: nothing is waited for.
      if (code !== 1000) socket.terminate();
    },
  };
};

export const fetchHttp: Http = async ({ url, headers, body, timeoutMs }) => {
  try {
    const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(timeoutMs) });
    const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
    return {
      status: response.status,
      retryAfterS: Number.isFinite(retryAfter) ? retryAfter : undefined,
      body: await response.text(),
    };
  } catch (e: unknown) {
    const code = ((e as Error).cause as { code?: unknown } | undefined)?.code;
    throw new HttpFailure(!NEVER_SENT.has(code), e);
  }
};
