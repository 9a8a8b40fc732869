/** One PeerLink an address, kept while somebody wants it. */
import { type LinkEnvironment, type PeerEvents, PeerLink } from './peer-link.ts';

export class LinkPool {
  readonly #env: LinkEnvironment;
  readonly #events: PeerEvents;
  readonly #peers = new Map<string, PeerLink>();
  #closed = false;

  constructor(env: LinkEnvironment, events: PeerEvents) {
    this.#env = env;
    this.#events = events;
  }

  /** The link to `address`, dialled on first use. */
  get(address: string): PeerLink | undefined {
    let peer = this.#peers.get(address);
    if (peer === undefined && !this.#closed) {
      peer = new PeerLink(address, this.#env, this.#events);
      this.#peers.set(address, peer);
    }
    return peer;
  }

  /** Closes the links that are not among `wanted`. */
  retain(wanted: ReadonlySet<string>): void {
    for (const [address, peer] of this.#peers) {
      if (wanted.has(address)) continue;
      this.#peers.delete(address);
      peer.close();
    }
  }

  close(): void {
    this.#closed = true;
    this.retain(new Set());
  }
}
