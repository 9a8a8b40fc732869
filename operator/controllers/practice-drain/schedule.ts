/** When a practice is due. Pure: times are passed in. */
import { Cron } from 'croner';
import type { PracticeInput } from './model.ts';

/** What is wrong with the schedule; undefined when nothing is. */
export function scheduleProblem({ schedule, timeZone }: PracticeInput['spec']): string | undefined {
  if (schedule === undefined) return undefined;
  try {
    return cronOf(schedule, timeZone).nextRun(new Date(0)) === null ? `${schedule} never comes` : undefined;
  } catch (e: unknown) {
    return e instanceof Error ? e.message : String(e);
  }
}

export interface Due {
  atMs: number;
  /** spec.runAt, or the schedule. */
  by: 'runAt' | 'schedule';
}

/** What was to run by now and has been neither run nor skipped; of several times of the schedule the last. */
export function dueRun({ spec, status, createdMs }: PracticeInput, nowMs: number): Due | undefined {
  const { runAtMs } = spec;
  if (runAtMs !== undefined && runAtMs <= nowMs && !isHandled(runAtMs, status.handledRunAt))
    return { atMs: runAtMs, by: 'runAt' };
  if (spec.schedule === undefined || spec.suspend) return undefined;
  const sinceMs = status.handledUntil === undefined ? createdMs : Date.parse(status.handledUntil);
  const [last] = cronOf(spec.schedule, spec.timeZone).previousRuns(1, new Date(nowMs + 1));
  return last !== undefined && last.getTime() > sinceMs ? { atMs: last.getTime(), by: 'schedule' } : undefined;
}

export function nextRun({ spec, status }: PracticeInput, nowMs: number): number | undefined {
  const scheduled =
    spec.schedule === undefined || spec.suspend
      ? undefined
      : cronOf(spec.schedule, spec.timeZone).nextRun(new Date(nowMs))?.getTime();
  const { runAtMs } = spec;
  const once = runAtMs !== undefined && !isHandled(runAtMs, status.handledRunAt) ? runAtMs : undefined;
  return once === undefined || scheduled === undefined ? (once ?? scheduled) : Math.min(once, scheduled);
}

const isHandled = (runAtMs: number, handled: string | undefined): boolean =>
  handled !== undefined && Date.parse(handled) === runAtMs;

const cronOf = (schedule: string, timezone: string): Cron =>
  new Cron(schedule, { timezone, mode: '5-part', paused: true });
