/** What forbids a practice to begin, and what ends one that has begun. Pure. */
import { percentOf, roomOf } from '../drain/guards.ts';
import type { PracticeCell, PracticeInput, Run } from './model.ts';

export interface Objection {
  reason: string;
  message: string;
}

/** A control plane that restarts tells nothing for a while: that alone is no reason to give up. */
const UNKNOWN_FOR_MS = 30_000;

/** Why the Cell is not drained for practice now. */
export function startObjection(input: PracticeInput, name: string): Objection | undefined {
  const { cells, otherRunning, spec } = input;
  const cell = cells.find((c) => c.name === name);
  if (cell === undefined || cell.deleting) return { reason: 'CellNotFound', message: `There is no Cell ${name}.` };
  if (otherRunning !== undefined)
    return { reason: 'AnotherPractice', message: `PracticeDrain ${otherRunning} runs: one at a time.` };
  const trouble = troubleOf(cells) ?? cells.map(drainOf).find((o) => o !== undefined);
  if (trouble) return trouble;
  if (!cell.ready) return { reason: 'NotReady', message: `${name} is not Ready.` };
  if (cell.weight <= spec.targetWeight)
    return { reason: 'NothingToDrain', message: `${name} takes ${cell.weight} %, no more than the target.` };
  const others = cells.filter((c) => c !== cell);
  if (cell.sockets === undefined)
    return { reason: 'FiguresUnknown', message: 'No control plane tells how many sockets there are.' };
  const need = Math.ceil((cell.sockets * (cell.weight - spec.targetWeight)) / cell.weight);
  // None of them drains.
  if (need > roomOf(others.map((o) => ({ ...o, targetWeight: o.weight }))))
    return { reason: 'NoRoom', message: `The other Ready Cells have no room for its sockets.` };
  return safetyObjection(input, others);
}

/** Why the run is to be given up. `cell` is drained by this practice. */
export function runObjection(input: PracticeInput, run: Run, cell: PracticeCell, nowMs: number): Objection | undefined {
  const others = input.cells.filter((c) => c !== cell);
  if (input.deleting) return { reason: 'Deleted', message: 'The PracticeDrain is being deleted.' };
  if (cell.deleting) return { reason: 'CellDeleted', message: `${cell.name} is being deleted.` };
  if (cell.drain.paused) return { reason: 'PausedByPerson', message: `${cell.name} was paused, and is left so.` };
  const trouble = troubleOf(input.cells) ?? others.map(drainOf).find((o) => o !== undefined);
  if (trouble) return trouble;
  const unsafe = safetyObjection(input, others);
  if (unsafe) return unsafe;
  const { blocked } = cell;
  if (blocked && (blocked.reason !== 'FiguresUnknown' || nowMs - blocked.sinceMs >= UNKNOWN_FOR_MS))
    return { reason: blocked.reason, message: blocked.message };
  if (nowMs - Date.parse(run.startedAt) >= input.spec.maxDurationMs)
    return { reason: 'TooLong', message: 'It took longer than abort.maxDuration.' };
  return undefined;
}

/** A gray failure comes first: it decides what becomes of the traffic. */
function troubleOf(cells: readonly PracticeCell[]): Objection | undefined {
  const gray = cells.find((c) => c.suspect);
  if (gray) return { reason: 'GrayFailure', message: `The zone of ${gray.name} is suspect.` };
  const degraded = cells.find((c) => c.degraded);
  return degraded && { reason: 'Degraded', message: `${degraded.name} is Degraded.` };
}

function drainOf({ name, deleting, drain, phase }: PracticeCell): Objection | undefined {
  if (deleting) return { reason: 'AnotherDrain', message: `${name} is being deleted.` };
  if (drain.targetWeight === undefined && (phase ?? 'None') === 'None') return undefined;
  return { reason: 'AnotherDrain', message: `${name} is drained, or drains or undrains.` };
}

function safetyObjection({ spec, cells }: PracticeInput, others: readonly PracticeCell[]): Objection | undefined {
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  const over = others.find((c) => c.weight > 0 && (c.errorRate ?? 0) > spec.maxErrorRate);
  if (over) {
    const message = `More than ${percentOf(spec.maxErrorRate)} % of the requests to ${over.name} failed in the last 10 s.`;
    return { reason: 'ErrorBudget', message };
  }
  const capacity = (list: readonly PracticeCell[]): number => list.reduce((sum, c) => sum + c.capacity, 0);
  const serving = capacity(others.filter((c) => c.ready && c.weight > 0)) / Math.max(1, capacity(cells));
  if (serving >= spec.capacityFloor) return undefined;
  const message = `Without it ${percent(serving)} of the capacity serve, less than ${percent(spec.capacityFloor)}.`;
  return { reason: 'CapacityFloor', message };
}
