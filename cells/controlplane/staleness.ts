/**
 * Whether this replica has fallen behind its peers: they know a newer table, a newer decision on a cell or newer objects
 * of a kind, and still do after a while. A state machine without I/O. When all are equally stale, nobody is behind, and
 * all go on serving; so does the one that is left when those ahead of it are silent, since nobody else would.
 */
export interface Position {
  /** Epoch of the slot table by ring. */
  epochs: Readonly<Record<string, number>>;
  /** Resource version by Cell. Only what both know is compared: a deleted object proves nothing. */
  cells: Readonly<Record<string, number>>;
  /** Highest resource version of any object by kind: each has a watch of its own. A replica of a version before tells none. */
  newest?: Readonly<Record<string, number>>;
}

const BEHIND_MS = 3_000;
/** A peer that has not answered for so long does not serve in our place. */
const SILENT_MS = 3_000;

export class Staleness {
  /** What a peer had when we were first found to lack it. */
  #target: Position | undefined;
  #since = 0;
  /** When a peer that is ahead of us last answered. */
  #aheadAt = 0;

  /** Returns whether the replica is to stop serving. */
  observe(own: Position, peers: readonly Position[], now: number): boolean {
    const ahead = peers.find((peer) => isBehind(own, peer));
    if (ahead !== undefined) this.#aheadAt = now;
    if (this.#target !== undefined && isBehind(own, this.#target) && now - this.#aheadAt < SILENT_MS)
      return now - this.#since >= BEHIND_MS;
    this.#target = ahead;
    this.#since = now;
    return false;
  }
}

const isBehind = (own: Position, peer: Position): boolean =>
  lacks(own.epochs, peer.epochs) || lacks(own.cells, peer.cells) || lacks(own.newest ?? {}, peer.newest ?? {});

const lacks = (own: Readonly<Record<string, number>>, peer: Readonly<Record<string, number>>): boolean =>
  Object.entries(peer).some(([key, value]) => own[key] !== undefined && own[key] < value);
