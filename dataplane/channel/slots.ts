/** The slots that this incarnation holds, as claimed in the store. */

export type SlotState = 'serving' | 'frozen';

export class Slots {
  readonly #held = new Map<number, { epoch: number; state: SlotState }>();

  get size(): number {
    return this.#held.size;
  }

  held(): number[] {
    return [...this.#held.keys()];
  }

  claims(): { slot: number; epoch: number }[] {
    return [...this.#held].map(([slot, { epoch }]) => ({ slot, epoch }));
  }

  /** The epoch of the claim, frozen or not; undefined when the slot is not ours. */
  epoch(slot: number): number | undefined {
    return this.#held.get(slot)?.epoch;
  }

  serves(slot: number): boolean {
    return this.#held.get(slot)?.state === 'serving';
  }

  claimed(slot: number, epoch: number): void {
    this.#held.set(slot, { epoch, state: 'serving' });
  }

  /** Nothing new is accepted. Never undone by a timer: only a committed table that names this incarnation does. */
  freeze(slot: number): void {
    const held = this.#held.get(slot);
    if (held !== undefined) held.state = 'frozen';
  }

  /** Whether it was frozen. */
  thaw(slot: number): boolean {
    const held = this.#held.get(slot);
    if (held?.state !== 'frozen') return false;
    held.state = 'serving';
    return true;
  }

  release(slot: number): void {
    this.#held.delete(slot);
  }
}
