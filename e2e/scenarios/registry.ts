/** Every scenario there is, in the order in which the long run takes them. */
import { FAILOVERS } from './failover.ts';
import type { Scenario } from './scenario.ts';
import { STORE_FAULTS } from './store.ts';

export const SCENARIOS: readonly Scenario[] = [...FAILOVERS, ...STORE_FAULTS];
