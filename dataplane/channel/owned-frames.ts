/** What a server tells its links about the slots that it serves: a frame for each epoch of a claim. */
import type { RouteMember } from '../../cells/contract/control.ts';
import { encodeFrame, KIND } from '../protocol/frames.ts';
import type { Owned } from '../protocol/operations.ts';

export function ownedFrames(
  ring: string,
  owner: RouteMember,
  slots: readonly { slot: number; epoch: number }[],
): Uint8Array[] {
  const byEpoch = new Map<number, number[]>();
  for (const { slot, epoch } of slots) {
    const list = byEpoch.get(epoch);
    if (list === undefined) byEpoch.set(epoch, [slot]);
    else list.push(slot);
  }
  return [...byEpoch].map(([epoch, ofEpoch]) => {
    const owned: Owned = { ring, owner, epoch, slots: ofEpoch };
    return encodeFrame({ kind: KIND.owned }, JSON.stringify(owned));
  });
}
