/** Cell.status.drain: the record of one drain or undrain, carried from decision to decision. Pure. */
import type { Blocker } from './guards.ts';
import type { DrainInput, DrainStatus, Step } from './model.ts';

type Direction = 'Draining' | 'Undraining';

/** The drain's own record, new when the direction is. Blocked and Paused go on in the direction that they had. */
export function begun(input: DrainInput, direction: Direction, { weight, nowMs }: Step): DrainStatus {
  const before = input.status.drain;
  if (before && directionOf(before, weight) === direction) {
    const { finishedAt, ...rest } = before;
    // What comes back to a drained cell is sent away by the same drain, which has all its time for it again.
    const startedAt = (finishedAt === undefined ? before.startedAt : undefined) ?? iso(nowMs);
    return { ...rest, phase: direction, startedAt, deadline: deadlineOf(input, startedAt) };
  }
  const startedAt = iso(nowMs);
  const lastStepAt = before?.lastStepAt; // a turn is no excuse for an early step
  return {
    phase: direction,
    startedAt,
    deadline: deadlineOf(input, startedAt),
    ...(lastStepAt ? { lastStepAt } : {}),
    ...(direction === 'Draining' ? { fromWeight: Math.max(1, weight) } : {}),
  };
}

function directionOf({ phase, fromWeight }: DrainStatus, weight: number): Direction | undefined {
  switch (phase) {
    case 'Draining':
    case 'Undraining':
      return phase;
    case 'Blocked':
    case 'Paused':
      return fromWeight === undefined ? 'Undraining' : 'Draining';
    case 'Drained':
      return weight === 0 ? 'Draining' : undefined;
    default:
      return undefined;
  }
}

const SLACK = 2;
const SLACK_MS = 5 * 60_000;

/** RFC 3339. What nobody has given a deadline has one by its pace, so that none is forgotten. */
function deadlineOf({ intent: { deadlineMs, stepPercent, stepIntervalMs } }: DrainInput, startedAt: string): string {
  const allSteps = Math.ceil(100 / stepPercent) * stepIntervalMs;
  return iso(Date.parse(startedAt) + (deadlineMs ?? SLACK * allSteps + SLACK_MS));
}

/** The times of the last drain; its last step still counts for the pace of the next. */
export const timesOf = ({ startedAt, lastStepAt, finishedAt }: DrainStatus = {}): DrainStatus => ({
  ...(startedAt ? { startedAt } : {}),
  ...(lastStepAt ? { lastStepAt } : {}),
  ...(finishedAt ? { finishedAt } : {}),
});

/** It waits. The time at which it began to is kept while it waits in the same phase. */
export function waiting(
  record: DrainStatus,
  before: DrainStatus | undefined,
  wait: { phase: 'Draining' | 'Blocked' | 'Paused'; blocker: string; nowMs: number },
): DrainStatus {
  const since = before?.phase === wait.phase ? before.blockedSince : undefined;
  return { ...record, phase: wait.phase, blocker: wait.blocker, blockedSince: since ?? iso(wait.nowMs) };
}

export function unblocked(record: DrainStatus | undefined): DrainStatus {
  const { blocker: _, blockedSince: __, ...rest } = record ?? {};
  return rest;
}

/** Notes that force was used; `past` is the guard that would have held it. */
export function forced(
  record: DrainStatus,
  { intent }: DrainInput,
  past: Blocker | undefined,
  nowMs: number,
): DrainStatus {
  if (!intent.force) return record;
  const { requestedBy, reason } = intent;
  const first = {
    since: iso(nowMs),
    ...(requestedBy === undefined ? {} : { by: requestedBy }),
    ...(reason === undefined ? {} : { reason }),
  };
  return { ...record, forced: { ...(record.forced ?? first), ...(past ? { past: past.reason } : {}) } };
}

/** A wall clock that went back costs at most one interval. */
export function untilNextStep(record: DrainStatus, intervalMs: number, nowMs: number): number {
  if (record.lastStepAt === undefined) return 0;
  const waitMs = Date.parse(record.lastStepAt) + intervalMs - nowMs;
  return Number.isFinite(waitMs) ? Math.min(Math.max(0, waitMs), intervalMs) : 0;
}

export const iso = (ms: number): string => new Date(ms).toISOString();
