/** Conditions as KEP-1623 has them. */
import { isDeepStrictEqual } from 'node:util';

/** One condition as it is written; crds' Condition has the same shape. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  /** CamelCase. */
  reason: string;
  /** What is so, what it waits for, and what to do. */
  message: string;
  observedGeneration?: number;
  lastTransitionTime: string;
}
export type NewCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

export const condition = (type: string, holds: boolean, reason: string, message: string): NewCondition => ({
  type,
  status: holds ? 'True' : 'False',
  reason,
  message,
});

/** Keeps the time of the last transition where the status did not change. Sorted by type: the order is no change. */
export function stampConditions(
  live: readonly Condition[] | undefined,
  wanted: readonly NewCondition[],
  at: { generation: number; nowMs: number },
): Condition[] {
  return wanted
    .map((c) => {
      const before = live?.find((l) => l.type === c.type);
      const lastTransitionTime =
        before?.status === c.status ? before.lastTransitionTime : `${new Date(at.nowMs).toISOString().slice(0, 19)}Z`;
      return { ...c, observedGeneration: at.generation, lastTransitionTime };
    })
    .sort((a, b) => a.type.localeCompare(b.type));
}

/**
 * Conditions worth an Event: what changed its status or reason, and what is True for the first time. A condition that
 * begins as False tells nothing.
 */
export function transitions(live: readonly Condition[] | undefined, wanted: readonly Condition[]): Condition[] {
  return wanted.filter((c) => {
    const before = live?.find((l) => l.type === c.type);
    return before ? before.status !== c.status || before.reason !== c.reason : c.status === 'True';
  });
}

/** Whether a controller's part of a status is already there: its own keys and its own conditions, no others. */
export function statusIsCurrent<S extends { conditions?: readonly Condition[] }>(
  live: S | undefined,
  wanted: { [K in Exclude<keyof S, 'conditions'>]?: S[K] | undefined } & { conditions: readonly Condition[] },
  ownKeys: readonly Exclude<keyof S, 'conditions'>[],
): boolean {
  const own = ownKeys.every((key) => isDeepStrictEqual(asJson(live?.[key]), asJson(wanted[key])));
  const liveOf = (c: Condition): Condition | undefined => live?.conditions?.find((l) => l.type === c.type);
  return own && wanted.conditions.every((c) => isDeepStrictEqual(asJson(liveOf(c)), asJson(c)));
}

/** As it will be after a journey through JSON, with keys in one order. */
const asJson = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));
