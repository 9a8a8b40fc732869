/** The last events of a topic as frames: a subscriber that missed a few is served without the store. */

export interface RecentFrame {
  seq: number;
  frame: Uint8Array;
}

const KEPT = 64;

export class RecentEvents {
  #frames: RecentFrame[] = [];

  push(frame: RecentFrame): void {
    if (this.#frames.length >= 2 * KEPT) this.#frames = this.#frames.slice(-KEPT);
    this.#frames.push(frame);
  }

  /** A text among them was deleted: from now on the log alone knows how the past reads. */
  forget(): void {
    this.#frames = [];
  }

  /** The events after `seq`, or undefined when not all of them are kept. */
  after(seq: number): RecentFrame[] | undefined {
    const first = this.#frames[0];
    if (first === undefined || first.seq > seq + 1) return undefined;
    return this.#frames.slice(Math.max(0, seq + 1 - first.seq));
  }
}
