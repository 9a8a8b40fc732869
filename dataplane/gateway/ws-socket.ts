/**
 * ClientSocket over `ws`. What is sent goes to the raw socket as the shared frame bytes, past ws's sender; ws does the
 * handshake, reads, and closes.
 */
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { CLOSE } from '../protocol/close-codes.ts';
import type { ClientSocket, ClientSocketHandlers } from './client-socket.ts';
import type { OutFrame } from './out-frame.ts';
import type { Flushable, WriteWindow } from './write-window.ts';

/** ws's own verdicts on what a client sent, as the protocol's close codes. */
const VERDICTS: Readonly<Record<number, number>> = {
  1002: CLOSE.badFrame, // protocol error
  1003: CLOSE.badFrame,
  1007: CLOSE.badFrame, // not UTF-8
  1008: CLOSE.badFrame, // too many fragments
  1009: CLOSE.tooLarge,
};

/** ws closes by itself when it cannot read on: the code is translated on the way. */
export class GatewayWebSocket extends WebSocket {
  sentCode: number | undefined;

  override close(code?: number, data?: string | Buffer): void {
    const translated = code === undefined ? undefined : (VERDICTS[code] ?? code);
    this.sentCode ??= translated;
    super.close(translated, data);
  }
}

export class WsSocket implements ClientSocket, Flushable {
  readonly remote: string;
  readonly #ws: GatewayWebSocket;
  readonly #raw: Duplex;
  readonly #window: WriteWindow;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  constructor(ws: GatewayWebSocket, raw: Duplex, window: WriteWindow, remote: string) {
    this.#ws = ws;
    this.#raw = raw;
    this.#window = window;
    this.remote = remote;
  }

  handle(handlers: ClientSocketHandlers): void {
    this.#ws.on('message', (data: Buffer, isBinary: boolean) => handlers.message(data, isBinary));
    this.#ws.on('ping', () => handlers.heard());
    this.#ws.on('pong', () => handlers.heard());
    this.#ws.on('error', () => undefined); // a close follows, and tells the code
    this.#ws.on('close', (code: number) => {
      this.#waiting = [];
      this.#waitingBytes = 0;
      handlers.closed(this.#ws.sentCode ?? code);
    });
  }

  send(frame: OutFrame): void {
    if (this.#ws.readyState !== WebSocket.OPEN) return;
    const { wire } = frame;
    // A frame must not overtake those that wait.
    if (this.#waiting.length === 0 && this.#window.admit(this)) {
      this.#raw.write(wire);
      return;
    }
    this.#waiting.push(wire);
    this.#waitingBytes += wire.length;
  }

  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (this.#ws.readyState === WebSocket.OPEN)
      this.#raw.write(waiting.length === 1 ? waiting[0] : Buffer.concat(waiting));
  }

  bufferedBytes(): number {
    return this.#raw.writableLength + this.#waitingBytes;
  }

  close(code: number, reason: string): void {
    this.flush();
    this.#ws.close(code, reason);
  }
}
