/** Links over TCP: whole frames behind a u32 length, without Nagle's delay, joined per turn of the event loop. */
import { createServer, type Server, Socket } from 'node:net';
import { ChatError } from '../../cells/contract/errors.ts';
import type { Link, LinkHandlers, LinkTransport } from '../protocol/transport.ts';
import { FrameSplitter, MAX_FRAME_BYTES, PREFIX_BYTES } from './frame-splitter.ts';

export interface TcpTransportOptions {
  /** Source address of outgoing links. A Pod binds its own: zone faults and policies go by it. */
  localAddress?: string;
  /** A connection not made in this time is `link_lost`. */
  connectTimeoutMs?: number;
}

/** After `close`, how long queued frames may still leave before the socket is destroyed. */
const LINGER_MS = 1_000;

export class TcpTransport implements LinkTransport {
  readonly #localAddress: string | undefined;
  readonly #connectTimeoutMs: number;

  constructor(options: TcpTransportOptions = {}) {
    this.#localAddress = options.localAddress;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 2_000;
  }

  listen(address: string, onLink: (link: Link) => void): Promise<{ address: string; close(): Promise<void> }> {
    const { host, port } = splitAddress(address);
    const links = new Set<TcpLink>();
    const server = createServer({ noDelay: true }, (socket) => {
      const link = new TcpLink(socket, joinAddress(socket.remoteAddress ?? '?', socket.remotePort ?? 0));
      links.add(link);
      socket.once('close', () => links.delete(link));
      onLink(link);
    });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        const bound = server.address() as { address: string; port: number };
        resolve({ address: joinAddress(bound.address, bound.port), close: () => closeServer(server, links) });
      });
    });
  }

  connect(address: string): Promise<Link> {
    const { host, port } = splitAddress(address);
    return new Promise((resolve, reject) => {
      const socket = new Socket();
      const fail = (cause: unknown): void => {
        socket.destroy();
        reject(new ChatError('link_lost', { address }, cause));
      };
      socket.setTimeout(this.#connectTimeoutMs, () => fail(new Error('connect timed out')));
      socket.once('error', fail);
      socket.connect({ host, port, ...(this.#localAddress ? { localAddress: this.#localAddress } : {}) }, () => {
        socket.setNoDelay(true);
        socket.setTimeout(0);
        socket.off('error', fail);
        resolve(new TcpLink(socket, address));
      });
    });
  }
}

class TcpLink implements Link {
  readonly peer: string;
  readonly #socket: Socket;
  #handlers: LinkHandlers | undefined;
  #corked = false;
  #closed = false;

  constructor(socket: Socket, peer: string) {
    this.#socket = socket;
    this.peer = peer;
    socket.on('error', (e) => this.#end(e.message));
    socket.once('close', () => this.#end('closed by the peer'));
    socket.once('end', () => this.#end('closed by the peer'));
  }

  handle(handlers: LinkHandlers): void {
    this.#handlers = handlers;
    const splitter = new FrameSplitter();
    const onFrame = (frame: Buffer): void => {
      if (!this.#closed) handlers.frame(frame);
    };
    this.#socket.on('data', (chunk: Buffer) => {
      if (!this.#closed && !splitter.push(chunk, onFrame)) this.#end('frame too large');
    });
  }

  send(frame: Uint8Array): void {
    if (this.#closed) return;
    if (frame.length > MAX_FRAME_BYTES) {
      this.#end('frame too large');
      return;
    }
    if (!this.#corked) {
      // All frames of this turn leave in one writev.
      this.#corked = true;
      this.#socket.cork();
      setImmediate(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
    prefix.writeUInt32LE(frame.length, 0);
    this.#socket.write(prefix);
    this.#socket.write(frame);
  }

  bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  close(): void {
    this.#end('closed');
  }

  #end(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.end();
    if (!this.#socket.destroyed) setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
    // Not from within the caller's own call to `send` or `close`.
    queueMicrotask(() => this.#handlers?.closed(reason));
  }
}

function closeServer(server: Server, links: Set<TcpLink>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const link of links) link.close();
  });
}

function splitAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new ChatError('config_invalid', { key: address, problem: 'is not host:port' });
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port };
}

const joinAddress = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
