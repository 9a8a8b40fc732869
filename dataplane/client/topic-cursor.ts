/**
 * One topic's place in its sequence: whatever order and however often items come, they leave in seq order, once each,
 * and none is skipped but by `skipTo`. Pure.
 */
export class TopicCursor<T> {
  #last: number;
  readonly #held = new Map<number, T>();
  /** A gap is being filled, or the next seq may be any: after the own membership has ended. */
  #state: 'following' | 'filling' | 'open' = 'following';

  /** Everything up to `last` is had, or not owed. */
  constructor(last: number) {
    this.#last = last;
  }

  get last(): number {
    return this.#last;
  }
  /** Something came that is not next, and nobody fills the gap. */
  get behind(): boolean {
    return this.#state === 'following' && this.#held.size > 0;
  }
  /** The user is no member any more: the topic is not to be resumed. */
  get ended(): boolean {
    return this.#state === 'open';
  }

  /** What is due now, in order; undefined for a duplicate. */
  offer(seq: number, item: T): T[] | undefined {
    if (seq <= this.#last || this.#held.has(seq)) return undefined;
    this.#held.set(seq, item);
    if (this.#state === 'open') {
      this.#state = 'following';
      this.#last = seq - 1;
    }
    return this.#state === 'filling' ? [] : this.#release();
  }

  /** From now on items are held until `skipTo`. */
  fill(): void {
    this.#state = 'filling';
  }

  /**
   * Everything up to `seq` is here, or cannot be had any more. Returns what is due: what was held up to `seq`, in order
   * and with holes, then what follows without one.
   */
  skipTo(seq: number): T[] {
    const due: T[] = [];
    for (const held of [...this.#held.keys()].filter((h) => h <= seq).sort((a, b) => a - b)) {
      due.push(this.#held.get(held)!);
      this.#held.delete(held);
    }
    this.#last = Math.max(this.#last, seq);
    this.#state = 'following';
    return [...due, ...this.#release()];
  }

  /** The connection is gone: what was held comes again. Returns it. */
  dropHeld(): T[] {
    const held = [...this.#held.values()];
    this.#held.clear();
    if (this.#state === 'filling') this.#state = 'following';
    return held;
  }

  end(): void {
    this.#state = 'open';
    this.#held.clear();
  }

  #release(): T[] {
    const due: T[] = [];
    for (let item = this.#held.get(this.#last + 1); item !== undefined; item = this.#held.get(this.#last + 1)) {
      this.#held.delete(++this.#last);
      due.push(item);
    }
    return due;
  }
}
