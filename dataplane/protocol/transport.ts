/** Links between dataplane processes: whole frames over TCP, or over the simulated network. */

export interface Link {
  /** host:port of the other end as dialled, or as accepted. */
  readonly peer: string;
  /** Queues a frame; frames arrive whole and in order, or the link closes. Never blocks; never throws when closed. */
  send(frame: Uint8Array): void;
  /** Bytes accepted by `send` and not yet handed to the kernel. */
  bufferedBytes(): number;
  /** Set once, before the first await after the link was obtained. */
  handle(handlers: LinkHandlers): void;
  close(): void;
}

export interface LinkHandlers {
  /** `frame` is valid only during the call unless copied. */
  frame(frame: Uint8Array): void;
  /** Called once, whichever end closed. */
  closed(reason: string): void;
}

export interface LinkTransport {
  listen(address: string, onLink: (link: Link) => void): Promise<{ address: string; close(): Promise<void> }>;
  /** Rejects with `link_lost`. */
  connect(address: string): Promise<Link>;
}
