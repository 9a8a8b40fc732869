/** What the client needs of the network: injected, so that the simulation runs the client as it is. */

export interface ClientConnection {
  /** Does nothing once closed. */
  send(text: string): void;
  /** `closed` follows. */
  close(code: number, reason: string): void;
}

export interface ConnectionHandlers {
  open(): void;
  message(text: string): void;
  /** Once; also when the connection never opened. 1006 when there was no close code. */
  closed(code: number, reason: string): void;
}

/** Never throws: a URL that cannot be reached ends in `closed`. */
export type OpenSocket = (url: string, handlers: ConnectionHandlers) => ClientConnection;

export interface HttpRequest {
  url: string;
  headers: Record<string, string>;
  body: string;
  timeoutMs: number;
}
export interface HttpResponse {
  status: number;
  /** Seconds of Retry-After, when there is one. */
  retryAfterS: number | undefined;
  body: string;
}
/** POSTs. Rejects with HttpFailure. */
export type Http = (request: HttpRequest) => Promise<HttpResponse>;

/** `sent` is false when the server cannot have got the request: it may then be repeated whatever it does. */
export class HttpFailure extends Error {
  readonly sent: boolean;
  constructor(sent: boolean, cause: unknown) {
    super('the request failed', { cause });
    this.name = 'HttpFailure';
    this.sent = sent;
  }
}
