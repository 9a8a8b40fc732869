/** The statements of claim and fence, and what their results mean. Pure. */
import { ChatError } from '../../cells/contract/errors.ts';
import { slotOf, slotStart } from '../../cells/contract/slot.ts';
import { bigintOf, type Dialect, type Result, type Statement } from '../../cells/contract/sql/database.ts';
import { insertOrRaise, placeholders } from '../../cells/contract/sql/statements.ts';
import type { Fence, LogEntry } from './store.ts';

const SLOT_SHIFT = 50n;

/** Raises the stored epochs to the given ones; a row at the same or a higher epoch stays. */
export function raiseFences(dialect: Dialect, owner: string, fences: readonly Fence[]): Statement {
  // In the order of the key, so that claims of the same slots wait for one another instead of deadlocking.
  const rows = [...fences]
    .sort((a, b) => a.slot - b.slot)
    .map((f) => [slotStart(f.slot), f.ring, f.epoch, owner] as const);
  const what = { table: 'slot_fence', columns: ['ksid', 'ring', 'epoch', 'owner'], rows };
  return insertOrRaise(dialect, what, ['ksid', 'ring'], 'epoch');
}

/** By the whole key, so that `lock` locks these rows and no gap between them, at any isolation level. */
export function readFences(fences: readonly Fence[], lock = ''): Statement {
  const byRing = Map.groupBy(fences, (f) => f.ring); // one ring, in practice
  const conditions = [...byRing.values()].map((some) => `(ring = ? AND ksid IN (${placeholders(some.length)}))`);
  return {
    sql: `SELECT ksid, ring, epoch, owner FROM slot_fence WHERE ${conditions.join(' OR ')}${lock}`,
    params: [...byRing].flatMap(([ring, some]) => [ring, ...some.map((f) => slotStart(f.slot))]),
  };
}

/** Which of the fences `owner` holds according to the rows read. */
export function heldFences(owner: string, fences: readonly Fence[], result: Result): Set<number> {
  const held = new Set<string>();
  for (const row of result.rows) {
    const slot = Number(BigInt.asUintN(64, bigintOf(row.ksid)) >> SLOT_SHIFT);
    if (row.owner === owner) held.add(fenceKey(String(row.ring), slot, Number(row.epoch)));
  }
  return new Set(fences.filter((f) => held.has(fenceKey(f.ring, f.slot, f.epoch))).map((f) => f.slot));
}

const fenceKey = (ring: string, slot: number, epoch: number): string => `${ring} ${slot} ${epoch}`;

/** Throws `fenced` unless all are held. */
export function assertHeld(owner: string, fences: readonly Fence[], result: Result): void {
  const held = heldFences(owner, fences, result);
  const slots = [...new Set(fences.map((f) => f.slot))].filter((slot) => !held.has(slot));
  if (slots.length > 0) throw new ChatError('fenced', { slots });
}

/** An entry outside its batch's fences would be written unguarded: a bug of the caller, refused before any I/O. */
export function assertCovered(fences: readonly Fence[], entries: readonly LogEntry[]): void {
  const epochs = new Map(fences.map((f) => [f.slot, f.epoch]));
  const slots = new Map<string, number>();
  for (const { topic, epoch } of entries) {
    const slot = slots.get(topic) ?? slotOf(topic);
    slots.set(topic, slot);
    if (epochs.get(slot) !== epoch) throw new TypeError(`no fence of slot ${slot} at epoch ${epoch} for ${topic}`);
  }
}
