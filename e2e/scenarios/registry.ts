/** Every scenario there is, in the order in which the long run takes them. */
import { DRAIN_CROWD } from './drain-crowd.ts';
import { DRAINS } from './drains.ts';
import { EVICTIONS } from './evictions.ts';
import { FAILOVERS } from './failover.ts';
import { FAILOVER_TOPICS } from './failover-topics.ts';
import { GATEWAYS_ALONE } from './gateway-alone.ts';
import { GATEWAYS } from './gateways.ts';
import { GRAY_FAILURES } from './gray-failure.ts';
import { SCALING } from './scaling.ts';
import type { Scenario } from './scenario.ts';
import { STATIC_STABILITY } from './static-stability.ts';
import { STEADY_STATE } from './steady-state.ts';
import { STORE_FAULTS } from './store.ts';
import { UPGRADE } from './upgrade.ts';

export const SCENARIOS: readonly Scenario[] = [
  ...FAILOVERS,
  ...FAILOVER_TOPICS,
  ...STORE_FAULTS,
  ...STATIC_STABILITY,
  ...DRAINS,
  ...DRAIN_CROWD,
  ...GATEWAYS,
  ...SCALING,
  ...EVICTIONS,
  ...GRAY_FAILURES,
  ...GATEWAYS_ALONE,
  UPGRADE,
  STEADY_STATE,
];
