/** One client's connection as the gateway's core sees it: `ws` behind it in production, the virtual network in the simulation. */
import type { OutFrame } from './out-frame.ts';

export interface ClientSocket {
  /** For logs only. */
  readonly remote: string;
  /** Set once, before the first await after the socket was obtained. */
  handle(handlers: ClientSocketHandlers): void;
  /** Queues a frame; never blocks, never throws, does nothing once closed. */
  send(frame: OutFrame): void;
  /** Bytes accepted by `send` and not yet handed to the kernel. */
  bufferedBytes(): number;
  /** After what was sent. `closed` follows, at the latest when the peer's time to answer is over. */
  close(code: number, reason: string): void;
}

export interface ClientSocketHandlers {
  /** `data` is UTF-8 text unless `isBinary`; at most LIMITS.frameBytes. */
  message(data: Buffer, isBinary: boolean): void;
  /** A ping or pong of WebSocket itself: the peer lives. A ping has been answered already. */
  heard(): void;
  /** Once, whichever end closed. `code`: the close code that ended it; 1006 when there was none. */
  closed(code: number): void;
}

/** What the upgrade request asks for. */
export interface ConnectParams {
  /** `?ticket=`; undefined for a resume. */
  ticket: string | undefined;
  /** False for `?boot=none`. */
  boot: boolean;
  traceparent: string | undefined;
}
