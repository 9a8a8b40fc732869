/** What the simulation must find, and what it must never find again. */
import type { Plant } from '../protocol/plants.ts';
import { RULE } from './invariants.ts';

/**
 * Every planted bug: within how many seeds, counted from 1, it must be found, and by which rule. A finding by another
 * rule does not count: it would say that the simulation itself is broken in a way that looks like the bug.
 */
export const PLANTS: Readonly<Record<Plant, { within: number; by: readonly string[] }>> = {
  'ack-before-store': { within: 20, by: [RULE.storedBeforeAck] },
  'fan-out-before-store': { within: 20, by: [RULE.storedBeforeFanOut] },
  'no-fence': { within: 200, by: [RULE.noLowerWrite] },
  'stale-owner-fanout': { within: 300, by: [RULE.fencedFanOut] },
  'frozen-owner-acks': { within: 200, by: [RULE.fencedAck] },
  'lost-on-move': { within: 200, by: [RULE.storedBeforeAck] },
  'retry-twice': { within: 20, by: [RULE.oneMessage, 'lost'] },
  'late-kick': { within: 60, by: ['after_kick'] },
  'failover-on-dead-store': { within: 60, by: [RULE.storeFailover] },
  'deleted-text-revived': { within: 300, by: [RULE.deletedStaysDeleted] },
  'resume-skips': { within: 20, by: [RULE.noHole] },
  'denial-forgotten': { within: 20, by: [RULE.tenants] },
  'gap-not-filled': { within: 60, by: [RULE.everyMember] },
};

/** Seeds that broke the code before it was mended. */
export const REGRESSIONS: readonly { seed: string; what: string }[] = [];
