/**
 * Whether this replica has fallen behind its peers: they know a newer table or a newer decision on a cell, and still do
 * after a while. A state machine without I/O. When all are equally stale, nobody is behind, and all go on serving.
 */
export interface Position {
  /** Epoch of the slot table by ring. */
  epochs: Readonly<Record<string, number>>;
  /** Resource version by Cell. Only what both know is compared: a deleted object proves nothing. */
  cells: Readonly<Record<string, number>>;
}

const BEHIND_MS = 3_000;

export class Staleness {
  /** What a peer had when we were first found to lack it. */
  #target: Position | undefined;
  #since = 0;

  /** Returns whether the replica is to stop serving. */
  observe(own: Position, peers: readonly Position[], now: number): boolean {
    if (this.#target !== undefined && isBehind(own, this.#target)) return now - this.#since >= BEHIND_MS;
    this.#target = peers.find((peer) => isBehind(own, peer));
    this.#since = now;
    return false;
  }
}

const isBehind = (own: Position, peer: Position): boolean =>
  lacks(own.epochs, peer.epochs) || lacks(own.cells, peer.cells);

const lacks = (own: Readonly<Record<string, number>>, peer: Readonly<Record<string, number>>): boolean =>
  Object.entries(peer).some(([key, value]) => own[key] !== undefined && own[key] < value);
