/**
 * Claims in the store the slots that the table gives to this server. Not in the chain of the table's commits: a server
 * that takes slots must not wait until it has handed its own to somebody who may be waiting for it. Slots that come from
 * several owners at once are claimed side by side, each slot once.
 */
import type { Clock } from '../../cells/contract/clock.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { memberIndex, NONE } from '../../cells/contract/ring-table.ts';
import type { Fence, Store } from '../storage/store.ts';
import type { Slots } from './slots.ts';
import type { TableControl } from './table-control.ts';

export interface ClaimsOptions {
  store: Store;
  row: { incarnation: string; ring: string };
  clock: Clock;
  log: Logger;
  control: TableControl;
  slots: Slots;
  /** The slots have just been claimed and are served from now on. */
  claimed(slots: readonly { slot: number; epoch: number }[]): void;
}

/** Slots of one transaction. */
const AT_ONCE = 256;

export class Claims {
  readonly #o: ClaimsOptions;
  readonly #claiming = new Map<number, { epoch: number; work: Promise<void> }>();

  constructor(options: ClaimsOptions) {
    this.#o = options;
  }

  /**
   * Resolves when all that the table gives and is not held has been claimed, of `slots` only if they are named. Nothing
   * more is, once `may` says no.
   */
  async claimMissing(may: () => boolean, slots?: readonly number[]): Promise<void> {
    const others = new Set<Promise<void>>();
    for (const [slot, { work }] of this.#claiming) if (slots?.includes(slot) ?? true) others.add(work);
    const fences = this.#missing(slots);
    const work = this.#claim(fences, may).finally(() => {
      for (const { slot } of fences) if (this.#claiming.get(slot)?.work === work) this.#claiming.delete(slot);
    });
    for (const { slot, epoch } of fences) this.#claiming.set(slot, { epoch, work });
    await Promise.all([work, Promise.allSettled(others)]);
  }

  /** Served part by part: the first slots of a dead owner do not wait for the claim of its last. */
  async #claim(fences: readonly Fence[], may: () => boolean): Promise<void> {
    const { clock, log } = this.#o;
    const began = clock.monotonicMs();
    let count = 0;
    for (let at = 0; at < fences.length && may(); at += AT_ONCE)
      count += await this.#claimSome(fences.slice(at, at + AT_ONCE));
    if (count > 0) log.info({ slots: count, ms: Math.round(clock.monotonicMs() - began) }, 'claimed slots');
  }

  #missing(of: readonly number[] | undefined): Fence[] {
    const { row, control, slots } = this.#o;
    const { table } = control;
    const self = table === undefined ? NONE : memberIndex(table, row.incarnation);
    if (table === undefined || self === NONE) return [];
    const fences: Fence[] = [];
    for (const slot of of ?? table.owner.keys())
      if (table.owner[slot] === self && slots.epoch(slot) === undefined) {
        const epoch = table.slotEpoch[slot]!;
        if (this.#claiming.get(slot)?.epoch !== epoch) fences.push({ ring: row.ring, slot, epoch });
      }
    return fences;
  }

  /** Resolves with the number of slots that are served from now on. */
  async #claimSome(fences: readonly Fence[]): Promise<number> {
    const { store, row, control, slots, log } = this.#o;
    const held = await store.log.claim(row.incarnation, fences);
    const table = control.table!;
    const mine = memberIndex(table, row.incarnation);
    // The table may have moved on while the claim was under way.
    const claimed = fences.filter(
      (f) => held.has(f.slot) && table.owner[f.slot] === mine && table.slotEpoch[f.slot] === f.epoch,
    );
    for (const { slot, epoch } of claimed) slots.claimed(slot, epoch);
    if (claimed.length > 0) this.#o.claimed(claimed);
    if (held.size < fences.length)
      log.warn({ refused: fences.length - held.size }, 'slots have a newer claim: the next table tells whose they are');
    return claimed.length;
  }
}
