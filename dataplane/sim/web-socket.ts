/**
 * WebSockets over the simulated network: what `ws` is to the gateway and to the client. The server's frames travel as
 * the very bytes that the gateway writes to a real socket.
 */
import type { ClientConnection, ConnectionHandlers } from '../client/index.ts';
import type { ClientSocket, ClientSocketHandlers } from '../gateway/client-socket.ts';
import type { OutFrame } from '../gateway/out-frame.ts';
import type { PipeSide } from './pipe.ts';

export class GatewayEnd implements ClientSocket {
  readonly remote: string;
  readonly #pipe: PipeSide<Uint8Array>;

  constructor(pipe: PipeSide<Uint8Array>, remote: string) {
    this.#pipe = pipe;
    this.remote = remote;
  }

  handle(handlers: ClientSocketHandlers): void {
    this.#pipe.handle({
      message: (data) => handlers.message(data as Buffer, false),
      closed: ({ code }) => handlers.closed(code),
    });
  }
  send({ wire }: OutFrame): void {
    this.#pipe.send(wire, wire.length);
  }
  bufferedBytes(): number {
    return this.#pipe.bufferedBytes();
  }
  close(code: number, reason: string): void {
    this.#pipe.close({ code, reason });
  }
}

export class ClientEnd implements ClientConnection {
  readonly #pipe: PipeSide<Uint8Array>;

  constructor(pipe: PipeSide<Uint8Array>) {
    this.#pipe = pipe;
  }

  handle(handlers: ConnectionHandlers): void {
    handlers.open();
    this.#pipe.handle({
      message: (wire) => handlers.message(decodeTextFrame(wire)),
      closed: ({ code, reason }) => handlers.closed(code, reason),
    });
  }

  send(text: string): void {
    const data = Buffer.from(text);
    this.#pipe.send(data, data.length);
  }
  close(code: number, reason: string): void {
    this.#pipe.close({ code, reason });
  }
}

const FIN_TEXT = 0x81;

/** RFC 6455 section 5.2: a whole unmasked text frame and nothing behind it, or a RangeError. */
export function decodeTextFrame(wire: Uint8Array): string {
  const bytes = Buffer.from(wire.buffer, wire.byteOffset, wire.byteLength);
  const short = bytes[1]!;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes[0] !== FIN_TEXT || bytes.length !== head + length) throw new RangeError('not one unmasked text frame');
  return bytes.toString('utf8', head);
}
