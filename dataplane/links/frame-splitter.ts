/** Cuts a byte stream into length-prefixed frames (u32 little-endian length, then the frame). */

/** No frame is larger: a longer length is a broken or hostile peer, and its link is closed. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;
export const PREFIX_BYTES = 4;

export class FrameSplitter {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Bytes that must be there before anything can be cut: spares a join per chunk of a large frame. */
  #needed = PREFIX_BYTES;

  /**
   * Calls `onFrame` for every frame that is complete now; the frame is a view of the chunk. False when a length is
   * over the limit: nothing more may be pushed.
   */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): boolean {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return true;
    const joined = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#bytes);
    let at = 0;
    this.#needed = PREFIX_BYTES;
    while (joined.length - at >= PREFIX_BYTES) {
      const length = joined.readUInt32LE(at);
      if (length > MAX_FRAME_BYTES) return false;
      const end = at + PREFIX_BYTES + length;
      if (end > joined.length) {
        this.#needed = PREFIX_BYTES + length;
        break;
      }
      onFrame(joined.subarray(at + PREFIX_BYTES, end));
      at = end;
    }
    this.#chunks = at === joined.length ? [] : [joined.subarray(at)];
    this.#bytes = joined.length - at;
    return true;
  }
}
