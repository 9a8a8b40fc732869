/** What the simulation must find, and what it must never find again. */
import type { Plant } from '../channel/plants.ts';

/**
 * Every planted bug: within how many seeds, counted from 1, it must be found, and by which rule. A finding by another
 * rule does not count: it would say that the simulation itself is broken in a way that looks like the bug.
 */
export const PLANTS: Readonly<Record<Plant, { within: number; by: readonly string[] }>> = {
  'ack-before-store': { within: 20, by: ['lost'] },
  'no-fence': { within: 60, by: ['no write of a lower epoch after a claim'] },
  'stale-owner-fanout': { within: 60, by: ['foreign', 'lost'] },
  'lost-on-move': { within: 60, by: ['lost'] },
  'retry-twice': { within: 20, by: ['lost', 'duplicated'] },
  'late-kick': { within: 20, by: ['after_kick'] },
};

/** Seeds that broke the code before it was mended. */
export const REGRESSIONS: readonly { seed: string; what: string }[] = [];
