/** The last events of a topic as frames: a subscriber that missed a few is served without the store. */

export interface RecentFrame {
  seq: number;
  frame: Uint8Array;
}

const KEPT = 64;
/** A server holds millions of topics: what one of them keeps must not depend on how much its members write. */
const KEPT_BYTES = 256 * 1024;

export class RecentEvents {
  #frames: RecentFrame[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(recent: RecentFrame): void {
    this.#frames.push(recent);
    this.#bytes += recent.frame.length;
    if (this.#bytes > KEPT_BYTES) this.#keepLast(this.#fitting());
    else if (this.#frames.length > 2 * KEPT) this.#keepLast(KEPT);
  }

  /** A text among them was deleted: from now on the log alone knows how the past reads. */
  forget(): void {
    this.#keepLast(0);
  }

  /** The events after `seq`, or undefined when not all of them are kept. */
  after(seq: number): RecentFrame[] | undefined {
    const first = this.#frames[0];
    if (first === undefined || first.seq > seq + 1) return undefined;
    return this.#frames.slice(Math.max(0, seq + 1 - first.seq));
  }

  /** How many of the newest fit into half of the bytes, so that not every push drops one. */
  #fitting(): number {
    let count = 0;
    for (let bytes = 0; count < this.#frames.length; count++) {
      bytes += this.#frames[this.#frames.length - 1 - count]!.frame.length;
      if (bytes > KEPT_BYTES / 2) break;
    }
    return count;
  }

  #keepLast(count: number): void {
    this.#frames = count === 0 ? [] : this.#frames.slice(-count);
    this.#bytes = this.#frames.reduce((sum, { frame }) => sum + frame.length, 0);
  }
}
