/** The slot tables of the observed rings, as last read from the store. */

import type { RingStore } from '../contract/ring-store.ts';
import type { RingTable } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';

export interface TablesOptions {
  store: Pick<RingStore, 'readTable'>;
  /** Names of the rings that exist, `<namespace>/<name>`. */
  rings: () => Iterable<string>;
  /**
   * Called when a table is new or has a new epoch. `givers`: the owner's incarnation, once for each of its slots that is
   * being handed over, or has changed hands, since the last one.
   */
  onTable: (table: RingTable, givers: readonly string[]) => void;
  /** Called when a ring with this name is no longer there. */
  onGone?: (ring: string) => void;
  /** Called when what `all` answers may have changed. */
  onChange: () => void;
}

export class Tables {
  readonly #options: TablesOptions;
  /** undefined: read, and there is none. */
  readonly #tables = new Map<string, RingTable | undefined>();

  constructor(options: TablesOptions) {
    this.#options = options;
  }

  get(ring: string): RingTable | undefined {
    return this.#tables.get(ring);
  }

  /** Every table there is; undefined until each observed ring has been read once. */
  all(): RingTable[] | undefined {
    const out: RingTable[] = [];
    for (const ring of this.#options.rings()) {
      if (!this.#tables.has(ring)) return undefined;
      const table = this.#tables.get(ring);
      if (table) out.push(table);
    }
    return out;
  }

  /** Reads what is new of every observed ring. Rejects when the store cannot be read. */
  async poll(): Promise<void> {
    const rings = [...this.#options.rings()];
    for (const ring of rings) await this.refresh(ring);
    for (const ring of this.#tables.keys()) {
      if (rings.includes(ring)) continue;
      this.#tables.delete(ring);
      this.#options.onGone?.(ring);
    }
  }

  /** The ring's table as of now. */
  async refresh(ring: string): Promise<RingTable | undefined> {
    const read = await this.#options.store.readTable(ring, this.#tables.get(ring)?.epoch);
    if (read) this.take(read);
    else if (!this.#tables.has(ring)) {
      this.#tables.set(ring, undefined);
      this.#options.onChange();
    }
    return this.#tables.get(ring);
  }

  /** A table read or committed; an older one than is held is ignored, since reads may overtake one another. */
  take(table: RingTable): void {
    const before = this.#tables.get(table.ring);
    if (before && before.epoch >= table.epoch) return;
    this.#tables.set(table.ring, table);
    this.#options.onTable(table, before ? giversOf(before, table) : []);
    this.#options.onChange();
  }
}

/** Between two reads a handoff may have begun, or ended, or both: each is told once. A takeover looks like one that did both. */
function giversOf(before: RingTable, after: RingTable): string[] {
  const name = (table: RingTable, index: number): string | undefined => table.members[index]?.incarnation;
  const givers: (string | undefined)[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    const [owner, target] = [name(after, after.owner[slot]!), name(after, after.target[slot]!)];
    const [formerOwner, formerTarget] = [name(before, before.owner[slot]!), name(before, before.target[slot]!)];
    if (after.slotEpoch[slot] !== before.slotEpoch[slot] && owner !== formerTarget) givers.push(formerOwner);
    if (target !== undefined && target !== formerTarget) givers.push(owner);
  }
  return givers.filter((giver) => giver !== undefined);
}
