/** Pins of slots to Pods, as chatctl writes them and guards them. Pure. */
import type { ChannelRing } from '../crds/index.ts';
import type { RingFigures } from './ring-figures.ts';

export type Pin = NonNullable<NonNullable<ChannelRing['spec']['handoff']>['pins']>[number];

export const pinsOf = (ring: ChannelRing): readonly Pin[] => ring.spec.handoff?.pins ?? [];

/** By slot; the pin of the same slot is replaced. */
export const withPin = (pins: readonly Pin[], pin: Pin): Pin[] =>
  [...pins.filter((p) => p.slot !== pin.slot), pin].sort((a, b) => a.slot - b.slot);

export const withoutPin = (pins: readonly Pin[], slot: number): Pin[] => pins.filter((p) => p.slot !== slot);

/** The CRD's bound. */
const MAX_PINS = 256;

export interface MoveGuard {
  pod: string;
  slot: number;
  pins: readonly Pin[];
  members: RingFigures['members'];
}

/** Why the slot is not pinned, or undefined. A Pod that was restarted is two members for a while: one that stays will do. */
export function moveRefusal({ pod, slot, pins, members }: MoveGuard): string | undefined {
  if (pins.length >= MAX_PINS && !pins.some((p) => p.slot === slot))
    return `the ring has ${MAX_PINS} pins already: take one back with --unpin`;
  const named = members.filter((m) => m.pod === pod);
  const others = [...new Set(members.filter((m) => m.state === 'serving').map((m) => m.pod))].sort();
  if (named.length === 0) return `${pod} is no member of the ring; its members are ${others.join(', ') || 'none'}`;
  if (named.some((m) => m.state === 'serving')) return undefined;
  return named.some((m) => m.state === 'leaving')
    ? `${pod} is leaving: it or its Cell is being emptied`
    : `${pod} is silent: its slots are being taken over`;
}
