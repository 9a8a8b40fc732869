/** One PeerLink an address, kept while somebody wants it. */
import type { RouteMember } from '../../cells/contract/control.ts';
import { type LinkEnvironment, type PeerEvents, PeerLink } from './peer-link.ts';

type Place = Pick<RouteMember, 'address' | 'cell' | 'zone'>;

export class LinkPool {
  readonly #env: LinkEnvironment;
  readonly #events: PeerEvents;
  readonly #peers = new Map<string, PeerLink>();
  #closed = false;

  constructor(env: LinkEnvironment, events: PeerEvents) {
    this.#env = env;
    this.#events = events;
  }

  /** The link to `member`, dialled on first use. */
  get(member: Place): PeerLink | undefined {
    let peer = this.#peers.get(member.address);
    if (peer === undefined && !this.#closed) {
      peer = new PeerLink(member, this.#env, this.#events);
      this.#peers.set(member.address, peer);
    }
    return peer;
  }

  /** Closes the links that are not among `wanted`. */
  retain(wanted: { has(address: string): boolean }): void {
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
