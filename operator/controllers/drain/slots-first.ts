/** From a suspect zone the slots leave before the weights go: an owner behind bad links hurts users in every zone. Pure. */
import type { DrainInput, DrainStatus } from './model.ts';

/** A zone that cannot be reached must not hold its own drain up: then the weights go all the same. */
const AT_MOST_MS = 60_000;

/** What the first step of the weights waits for; undefined when it may be taken. */
export function waitForSlots(input: DrainInput, drain: DrainStatus, nowMs: number): string | undefined {
  const { intent, live, status, suspect } = input;
  if (!suspect || intent.force || intent.targetWeight !== 0 || drain.startedAt === undefined) return undefined;
  if (live === undefined || live.slots === 0) return undefined;
  // The first step is what waits: slots that come back later do not stop the drain half way.
  if (status.drain?.fromWeight !== undefined && status.weight !== status.drain.fromWeight) return undefined;
  const until = Date.parse(drain.startedAt) + AT_MOST_MS;
  return nowMs < until ? `the slots leave first, until ${new Date(until).toISOString().slice(11, 19)} UTC` : undefined;
}
