/** Slots as people name them: by number, or by the id of anything in them. */
import { ChatError } from '../cells/contract/errors.ts';
import { isTopicId } from '../cells/contract/ids.ts';
import { SLOTS, slotOf } from '../cells/contract/slot.ts';

/** Throws `usage` for what is neither. */
export function slotNamed(text: string): number {
  if (isTopicId(text)) return slotOf(text);
  const slot = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (slot < SLOTS) return slot;
  throw new ChatError('usage', {
    problem: `${text} is no slot from 0 to ${SLOTS - 1} and no id of a channel, user or workspace.`,
  });
}
