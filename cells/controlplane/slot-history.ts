/** When slots changed hands, as one replica saw it. A state machine without I/O. */
import type { RingTable } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';

const MINUTE_MS = 60_000;

export class SlotHistory {
  #epochs: Uint32Array | undefined;
  readonly #movedAt = new Float64Array(SLOTS);
  #firstAt = 0;
  #lastChangeAt = 0;

  /** When any slot last changed hands; as long as nothing was seen to, when this replica first looked. */
  get lastChangeAt(): number {
    return this.#lastChangeAt;
  }

  /** A slot's epoch is that of its owner's commit: another one means that it changed hands. */
  observe(table: RingTable, now: number): void {
    const before = this.#epochs;
    if (before === undefined) {
      // What moved before nobody has seen: all of it may have moved just now.
      this.#movedAt.fill(now);
      this.#firstAt = now;
      this.#lastChangeAt = now;
    } else
      for (let slot = 0; slot < SLOTS; slot++) {
        if (before[slot] === table.slotEpoch[slot]) continue;
        this.#movedAt[slot] = now;
        this.#lastChangeAt = now;
      }
    this.#epochs = table.slotEpoch;
  }

  /** Whether the slot has been where it is for so long. */
  hasRested(slot: number, forMs: number, now: number): boolean {
    return now - this.#movedAt[slot]! >= forMs;
  }

  /** Slots that changed hands in the last minute. */
  movesPerMinute(now: number): number {
    const since = Math.max(this.#firstAt, now - MINUTE_MS);
    return this.#movedAt.reduce((n, at) => (at > since ? n + 1 : n), 0);
  }
}
