/**
 * A practice drain as a state machine over its own status and the Cells, so that a new leader goes on where the old one
 * stopped. Pure. What must stay true: no practice begins or goes on while something speaks against it; it takes back what
 * it did, and nothing that a person did; one that has begun ends.
 */
import { parseDurationMs } from '../../../cells/contract/process/config.ts';
import { type Objection, runObjection, startObjection } from './guards.ts';
import { drainIntent, handedOver, isDraining, isUndraining, paceOf, released, undrainIntent } from './intent.ts';
import type { PracticeCell, PracticeDecision, PracticeInput, Run, Verdict } from './model.ts';
import { type Due, dueRun, scheduleProblem } from './schedule.ts';
import * as say from './words.ts';

const POLL_MS = 1000;
/** Traffic has at least so long to come back, however short a practice is to be. */
const RETURN_MS = 10 * 60_000;
/** Clocks may be set, and a timer has an end: nobody waits longer than this without a look. */
const LONGEST_WAIT_MS = 3_600_000;

export function decidePractice(input: PracticeInput, nowMs: number): PracticeDecision {
  const { run } = input.status;
  if (!input.deleting && !input.finalized) return { kind: 'addFinalizer' };
  if (run === undefined) return input.deleting ? { kind: 'release' } : idle(input, nowMs);
  const cell = input.cells.find((c) => c.name === run.cell);
  if (run.outcome !== undefined) return undo(input, run, cell, nowMs);
  if (cell === undefined) return end(input, run, aborted('CellNotFound', `${run.cell} was deleted.`), nowMs);
  if (isDraining(cell.drain, run)) return watch(input, run, cell, nowMs);
  // Between the two writes of the beginning, or after somebody else has written.
  if (input.status.phase !== 'Starting' || cell.generation !== run.generation)
    return end(
      input,
      run,
      aborted('Overruled', `spec.drain of ${cell.name} was changed, and is left as it is.`),
      nowMs,
    );
  const late = nowMs - Date.parse(run.startedAt) > input.spec.startingDeadlineMs;
  const objection = input.deleting ? DELETED : late ? MISSED : startObjection(input, cell.name);
  if (objection) return end(input, run, aborted(objection.reason, objection.message), nowMs);
  const { name, generation, drain } = cell;
  return { kind: 'cell', name, generation, drain: drainIntent(drain, input) };
}

const DELETED: Objection = { reason: 'Deleted', message: 'The PracticeDrain is being deleted.' };
const MISSED: Objection = {
  reason: 'Missed',
  message: 'Its time had passed for longer than spec.startingDeadlineSeconds when it could have begun.',
};

function idle(input: PracticeInput, nowMs: number): PracticeDecision {
  const phase = input.spec.suspend ? 'Suspended' : 'Waiting';
  const due = scheduleProblem(input.spec) === undefined ? dueRun(input, nowMs) : undefined;
  if (due === undefined) {
    const status = say.part(input, { phase }, nowMs);
    const waitMs = status.nextRunAt === undefined ? LONGEST_WAIT_MS : Date.parse(status.nextRunAt) - nowMs;
    return { kind: 'status', status, events: [], retryMs: Math.min(Math.max(1, waitMs), LONGEST_WAIT_MS) };
  }
  const handled = handledBy(due);
  const name = inTurn(input);
  const late = nowMs - due.atMs > input.spec.startingDeadlineMs;
  const objection = late ? MISSED : startObjection(input, name);
  if (objection) {
    const record = say.skippedRecord(name, due.atMs, objection, nowMs);
    const status = say.part(input, { phase, record, handled }, nowMs);
    return { kind: 'status', status, events: [say.skipped(name, objection)], retryMs: POLL_MS };
  }
  const cell = input.cells.find((c) => c.name === name)!;
  const run: Run = {
    cell: name,
    startedAt: say.iso(nowMs),
    generation: cell.generation,
    targetWeight: input.spec.targetWeight,
    pace: paceOf(cell.drain),
  };
  const status = say.part(input, { phase: 'Starting', run, handled }, nowMs);
  return { kind: 'status', status, events: [say.started(name, input)], retryMs: 1 };
}

const handledBy = ({ atMs, by }: Due): say.Handled =>
  by === 'runAt' ? { handledRunAt: say.iso(atMs) } : { handledUntil: say.iso(atMs) };

/** The Cell after that of the last run. */
function inTurn({ spec: { cells }, status: { lastRun } }: PracticeInput): string {
  return cells[(cells.indexOf(lastRun?.cell ?? '') + 1) % cells.length]!;
}

/** The Cell drains, or is drained, for this practice. */
function watch(input: PracticeInput, run: Run, cell: PracticeCell, nowMs: number): PracticeDecision {
  const seen = withPeak(run, input.cells);
  const objection = runObjection(input, run, cell, nowMs);
  if (objection) return turn(input, seen, cell, aborted(objection.reason, objection.message), nowMs);
  if (run.reachedAt === undefined) {
    const drained = cell.weight === run.targetWeight && cell.phase === (run.targetWeight === 0 ? 'Drained' : 'None');
    if (!drained) return going(input, seen, 'Draining', nowMs);
    const reached = { ...seen, reachedAt: say.iso(nowMs) };
    return going(input, reached, 'Holding', nowMs, [say.reached(reached)]);
  }
  if (nowMs - Date.parse(run.reachedAt) < input.spec.holdMs) return going(input, seen, 'Holding', nowMs);
  if (cell.sockets === undefined)
    return turn(input, seen, cell, aborted('FiguresUnknown', 'No control plane tells how it went.'), nowMs);
  const peak = seen.peakErrorRate === undefined ? 'none' : `at most ${Number(seen.peakErrorRate) * 100} %`;
  const message = `${cell.weight} % was reached and held; of the requests to the other Cells ${peak} failed in any 10 s.`;
  return turn(input, seen, cell, { outcome: 'Succeeded', reason: 'Held', message }, nowMs);
}

function going(
  input: PracticeInput,
  run: Run,
  phase: 'Draining' | 'Holding',
  nowMs: number,
  events = [] as ReturnType<typeof say.reached>[],
): PracticeDecision {
  return { kind: 'status', status: say.part(input, { phase, run }, nowMs), events, retryMs: POLL_MS };
}

/** The highest share of failed requests elsewhere, in tenths of a percent: few enough values to be written. */
function withPeak(run: Run, cells: readonly PracticeCell[]): Run {
  const rates = cells.filter((c) => c.name !== run.cell && c.weight > 0).map((c) => c.errorRate ?? 0);
  const peak = Math.ceil(Math.max(0, ...rates) * 1000) / 1000;
  return peak > Number(run.peakErrorRate ?? 0) ? { ...run, peakErrorRate: String(peak) } : run;
}

/** What came of it is decided; the traffic is to come back. */
function turn(input: PracticeInput, run: Run, cell: PracticeCell, verdict: Verdict, nowMs: number): PracticeDecision {
  const turned: Run = { ...run, ...verdict, undoneAt: say.iso(nowMs), lowestWeight: cell.weight };
  const events = verdict.outcome === 'Succeeded' ? [] : [say.ended(run, verdict)];
  return { kind: 'status', status: say.part(input, { phase: 'Undraining', run: turned }, nowMs), events, retryMs: 1 };
}

/** Takes the drain back, hands it over, or finds that it is somebody else's by now. */
function undo(input: PracticeInput, run: Run, cell: PracticeCell | undefined, nowMs: number): PracticeDecision {
  const { outcome, reason = '', message = '' } = run;
  const verdict: Verdict = { outcome: outcome ?? 'Aborted', reason, message };
  if (cell === undefined || !(isDraining(cell.drain, run) || isUndraining(cell.drain)))
    return end(input, run, verdict, nowMs);
  const { name, generation, drain } = cell;
  const patch = (to: typeof drain): PracticeDecision => ({ kind: 'cell', name, generation, drain: to });
  const returnMs = Math.max(RETURN_MS, input.spec.maxDurationMs);
  const overdue = nowMs - Date.parse(run.undoneAt ?? run.startedAt) >= returnMs;
  if (isDraining(drain, run)) {
    const keeper = keeperOf(reason, cell);
    if (keeper) return patch(handedOver(drain, run, keeper, `Left by practice ${input.name}: ${message}`));
    if (input.deleting) return patch(released(drain, run));
    const intervalMs = parseDurationMs(drain.stepInterval ?? '2s');
    return patch(undrainIntent(drain, { hurry: outcome !== 'Succeeded', intervalMs }));
  }
  const isBack = cell.weight === cell.normalWeight && (cell.phase ?? 'None') === 'None';
  if (overdue && !isBack && reason !== NOT_UNDONE.reason) {
    const failed = { ...run, ...NOT_UNDONE };
    const events = [say.ended(run, NOT_UNDONE)];
    return { kind: 'status', status: say.part(input, { phase: 'Undraining', run: failed }, nowMs), events, retryMs: 1 };
  }
  if (isBack || overdue || input.deleting) return patch(released(drain, run));
  // A step that was under way when it was decided counts too.
  const seen = { ...run, lowestWeight: Math.min(run.lowestWeight ?? cell.weight, cell.weight) };
  const status = say.part(input, { phase: 'Undraining', run: seen }, nowMs);
  return { kind: 'status', status, events: [], retryMs: POLL_MS };
}

const NOT_UNDONE: Verdict = {
  outcome: 'Failed',
  reason: 'NotUndone',
  message: 'The traffic did not come back in time. The undrain goes on: see the Cell.',
};

/** Who keeps the drain when the practice is over; undefined: nobody, it is taken back. */
function keeperOf(reason: string, { suspect, drain }: PracticeCell): 'GrayFailure' | 'person' | undefined {
  if (suspect) return drain.mode === 'Auto' ? 'GrayFailure' : 'person';
  return reason === 'PausedByPerson' ? 'person' : undefined;
}

/** The run is over, and the Cell is not this practice's any more. */
function end(input: PracticeInput, run: Run, verdict: Verdict, nowMs: number): PracticeDecision {
  const record = say.recordOf(run, verdict, nowMs);
  const phase = input.spec.suspend ? 'Suspended' : 'Waiting';
  const isNews = run.outcome === undefined || verdict.outcome === 'Succeeded';
  const events = isNews ? [say.ended(run, verdict)] : [];
  return { kind: 'status', status: say.part(input, { phase, record }, nowMs), events, retryMs: 1 };
}

const aborted = (reason: string, message: string): Verdict => ({ outcome: 'Aborted', reason, message });
