/** The two ways from a topic's id to its owner: our slot table, and the npm package `hashring`. */
import { createRequire } from 'node:module';
import { cutTable } from '../../../cells/contract/ads/resources.ts';
import { Routes } from '../../../cells/contract/ads/routes.ts';
import { formatId } from '../../../cells/contract/ids.ts';
import type { RingTable } from '../../../cells/contract/ring-table.ts';
import { SLOTS, slotOf } from '../../../cells/contract/slot.ts';
import { cpuMs } from '../cpu.ts';

export const RING = 'bench/main';

interface HashRing {
  get(key: string): string;
}
const HashRingClass = createRequire(import.meta.url)('hashring') as new (servers: string[]) => HashRing;

/** `hashring` as its readme makes it: 160 points a server, MD5, a cache of 5,000 keys. */
export const hashRing = (addresses: readonly string[]): HashRing => new HashRingClass([...addresses]);

/** What a gateway holds after it has heard the whole table. */
export function routesOf(table: RingTable): Routes {
  const routes = new Routes();
  for (const range of cutTable(table)) routes.apply(range);
  return routes;
}

export const ownerOfTopic = (routes: Routes, topic: string): string =>
  routes.route(RING, slotOf(topic))!.owner!.address;

/** Ids that no earlier round has used, as Snowflakes of busy milliseconds, and as text that was parsed from JSON. */
export class Topics {
  #ms = 50_000_000_000;

  take(count: number): string[] {
    const ids = Array.from({ length: count }, (_, i) => {
      if (i % 4 === 0) this.#ms++;
      return formatId('C', (BigInt(this.#ms) << 22n) | BigInt((i % 7) << 12) | BigInt(i % 4));
    });
    return JSON.parse(JSON.stringify(ids)) as string[];
  }
}

/** CPU nanoseconds of one call of `lookup`, over all topics. The sum keeps the calls from being optimised away. */
export function nanosecondsEach(topics: readonly string[], lookup: (topic: string) => string): number {
  let length = 0;
  const ms = cpuMs(() => {
    for (const topic of topics) length += lookup(topic).length;
  });
  if (length === 0) throw new Error('no owner was found');
  return (ms * 1e6) / topics.length;
}

/**
 * The same for slots, in a loop of its own: at this speed the call of a contestant's function would be half of it, and
 * so would be the walk over an array of five million numbers.
 */
export function nanosecondsEachSlot(slots: Uint16Array, routes: Routes): number {
  let length = 0;
  const ms = cpuMs(() => {
    for (let i = 0; i < slots.length; i++) length += routes.route(RING, slots[i]!)!.owner!.address.length;
  });
  if (length === 0) throw new Error('no owner was found');
  return (ms * 1e6) / slots.length;
}

export const randomSlots = (count: number): Uint16Array =>
  Uint16Array.from({ length: count }, () => Math.floor(Math.random() * SLOTS));
