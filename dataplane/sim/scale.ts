/** How large a world is: small for most seeds, so that there can be many; large for some, where size itself may matter. */
import type { SeededRandom } from './seeded-random.ts';

export interface Scale {
  servers: number;
  gateways: number;
  apis: number;
  usersPerWorkspace: number;
  secondDevices: number;
  /** Shared ones, a workspace. */
  channels: number;
  /** Every slot of the ring has an owner; else only those of the topics and some more. */
  allSlots: boolean;
  /** Time in which faults come. */
  faultsMs: number;
}

const LARGE_SHARE = 0.03;

export function scaleOf(random: SeededRandom): Scale {
  if (random.chance(LARGE_SHARE))
    return {
      ...{ servers: 5, gateways: 3, apis: 2, usersPerWorkspace: 4, secondDevices: 2, channels: 2 },
      ...{ allSlots: true, faultsMs: 12_000 },
    };
  return {
    ...{ servers: 3 + random.below(2), gateways: 2, apis: 1 + random.below(2) },
    ...{ usersPerWorkspace: 2 + random.below(2), secondDevices: 1, channels: 1 + random.below(2) },
    ...{ allSlots: false, faultsMs: random.between(4_000, 8_000) },
  };
}
