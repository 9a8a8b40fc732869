/** A practice's state as conditions, records and Events. Pure. */
import { condition, type NewCondition } from '../../runtime/conditions.ts';
import type { Objection } from './guards.ts';
import type { PracticeEvent, PracticeInput, PracticePart, Run, RunRecord, Verdict } from './model.ts';
import { nextRun, scheduleProblem } from './schedule.ts';

const MAX_MESSAGE = 2048;

/** The times that have been run or skipped. */
export type Handled = Pick<PracticePart, 'handledUntil' | 'handledRunAt'>;

/** The status with a run, or without one. */
export function part(
  input: PracticeInput,
  changes: {
    phase: NonNullable<PracticePart['phase']>;
    run?: Run;
    record?: RunRecord;
    handled?: Handled;
  },
  nowMs: number,
): PracticePart {
  const { status, spec } = input;
  const { phase, run, record, handled } = changes;
  const { history = [] } = status;
  const lastRun = record ?? status.lastRun;
  const after = { ...handledOf(status), ...handled };
  const problem = scheduleProblem(spec);
  const next = problem === undefined ? nextRun({ ...input, status: { ...status, ...after } }, nowMs) : undefined;
  return {
    ...after,
    phase,
    ...(next === undefined ? {} : { nextRunAt: iso(next) }),
    ...(run ? { run } : {}),
    ...(lastRun ? { lastRun } : {}),
    history: (record ? [record, ...history] : history).slice(0, spec.historyLimit),
    conditions: conditionsOf(input, phase, { run, record, problem }),
  };
}

const handledOf = ({ handledUntil, handledRunAt }: PracticeInput['status']): Handled => ({
  ...(handledUntil === undefined ? {} : { handledUntil }),
  ...(handledRunAt === undefined ? {} : { handledRunAt }),
});

function conditionsOf(
  { spec, status, cells }: PracticeInput,
  phase: NonNullable<PracticePart['phase']>,
  { run, record, problem }: { run: Run | undefined; record: RunRecord | undefined; problem: string | undefined },
): NewCondition[] {
  const missing = spec.cells.filter((name) => !cells.some((c) => c.name === name));
  const ready =
    problem !== undefined
      ? condition('Ready', false, 'InvalidSchedule', `spec.schedule: ${problem}`)
      : missing.length > 0
        ? condition('Ready', false, 'CellNotFound', `There is no Cell ${missing.join(', ')}: correct spec.cells.`)
        : spec.suspend
          ? condition('Ready', true, 'Suspended', 'Only chatctl practice run starts it, while spec.suspend is true.')
          : condition('Ready', true, 'Scheduled', 'It runs when its time comes and nothing speaks against it.');
  const running = run
    ? condition('Running', true, phase, `${run.cell} is drained for practice.`)
    : condition('Running', false, 'Waiting', 'No run is under way.');
  const last = record && record.outcome !== 'Skipped' ? lastCondition(record) : keptCondition(status);
  return [ready, running, ...(last ? [last] : [])];
}

const lastCondition = ({ outcome, reason, message = '' }: RunRecord): NewCondition =>
  condition('LastRunSucceeded', outcome === 'Succeeded', outcome === 'Succeeded' ? outcome : reason, message);

/** A run that was skipped says nothing about the one before it. */
function keptCondition({ conditions = [] }: PracticeInput['status']): NewCondition | undefined {
  const before = conditions.find((c) => c.type === 'LastRunSucceeded');
  if (!before) return undefined;
  const { type, status, reason, message } = before;
  return { type, status, reason, message };
}

export function recordOf(run: Run, { outcome, reason, message }: Verdict, nowMs: number): RunRecord {
  const { cell, startedAt, reachedAt, lowestWeight, peakErrorRate } = run;
  return {
    ...{ cell, startedAt, finishedAt: iso(nowMs), outcome, reason, message: message.slice(0, MAX_MESSAGE) },
    ...(reachedAt === undefined ? {} : { reachedAt }),
    ...(lowestWeight === undefined ? {} : { lowestWeight }),
    ...(peakErrorRate === undefined ? {} : { peakErrorRate }),
  };
}

export const skippedRecord = (
  cell: string,
  atMs: number,
  { reason, message }: Objection,
  nowMs: number,
): RunRecord => ({
  ...{ cell, startedAt: iso(atMs), finishedAt: iso(nowMs), outcome: 'Skipped', reason, message },
});

export const started = (cell: string, { spec }: PracticeInput): PracticeEvent =>
  normal('PracticeStarted', `${cell} is to go to ${spec.targetWeight} %. Hypothesis: ${spec.hypothesis}`);
export const reached = ({ cell, targetWeight }: Run): PracticeEvent =>
  normal('PracticeReached', targetWeight === 0 ? `${cell} is drained.` : `${cell} is at ${targetWeight} %.`);
export const skipped = (cell: string, { reason, message }: Objection): PracticeEvent =>
  warning('PracticeSkipped', `${cell}: ${reason}: ${message}`);
export const ended = ({ cell }: Run, { outcome, reason, message }: Verdict): PracticeEvent =>
  outcome === 'Succeeded'
    ? normal('PracticeSucceeded', `${cell}: ${message}`)
    : warning(`Practice${outcome}`, `${cell}: ${reason}: ${message}`);

const normal = (reason: string, note: string): PracticeEvent => ({ type: 'Normal', reason, note });
const warning = (reason: string, note: string): PracticeEvent => ({ type: 'Warning', reason, note });
export const iso = (ms: number): string => new Date(ms).toISOString();
