/** Reads what the decision about one practice drain needs. */
import { parseDurationMs } from '../../../cells/contract/process/config.ts';
import { isSuspect } from '../../../cells/health/suspicion.ts';
import { type Cell, FINALIZER, type PracticeDrain } from '../../../crds/index.ts';
import type { CellFigures, LiveFigures } from '../../live-figures.ts';
import type { Newest } from '../../runtime/newest.ts';
import { figuresOf, isReady } from '../drain/gather.ts';
import type { PracticeCell, PracticeInput, PracticeSpec } from './model.ts';
import { dueRun, scheduleProblem } from './schedule.ts';

export interface PracticeWorld {
  cells: Newest<Cell>;
  practices: Newest<PracticeDrain>;
  figures: LiveFigures;
}

export async function gatherPractice(
  { cells, practices, figures }: PracticeWorld,
  practice: PracticeDrain,
  nowMs: number,
): Promise<PracticeInput> {
  const { namespace, name } = practice.metadata;
  const mine = cells.all().filter((c) => c.metadata.namespace === namespace);
  const others = practices.all().filter((p) => p.metadata.namespace === namespace && p.metadata.name !== name);
  const input = (live: readonly CellFigures[] | undefined): PracticeInput => ({
    name,
    createdMs: Date.parse(practice.metadata.creationTimestamp),
    deleting: practice.metadata.deletionTimestamp !== undefined,
    finalized: practice.metadata.finalizers?.includes(FINALIZER) ?? false,
    spec: specOf(practice),
    status: practice.status ?? {},
    cells: mine.map((cell) => practiceCell(cell, live)),
    otherRunning: others.find((p) => p.status?.run !== undefined)?.metadata.name,
  });
  const unasked = input(undefined);
  const isDue = scheduleProblem(unasked.spec) === undefined && dueRun(unasked, nowMs) !== undefined;
  // At rest no live figures are needed, so nobody is asked.
  return practice.status?.run || isDue ? input(await figures.cells()) : unasked;
}

function specOf({ spec }: PracticeDrain): PracticeSpec {
  const { drain = {}, abort = {} } = spec;
  return {
    cells: spec.cells,
    schedule: spec.schedule,
    timeZone: spec.timeZone ?? 'UTC',
    runAtMs: spec.runAt === undefined ? undefined : Date.parse(spec.runAt),
    suspend: spec.suspend ?? false,
    startingDeadlineMs: (spec.startingDeadlineSeconds ?? 300) * 1000,
    hypothesis: spec.hypothesis,
    targetWeight: drain.targetWeight ?? 0,
    stepPercent: drain.stepPercent ?? 1,
    stepInterval: drain.stepInterval ?? '2s',
    holdMs: parseDurationMs(drain.hold ?? '5m'),
    maxErrorRate: Number(abort.maxErrorRate ?? '0.01'),
    maxDurationMs: parseDurationMs(abort.maxDuration ?? '30m'),
    capacityFloor: (abort.capacityFloorPercent ?? 50) / 100,
    historyLimit: spec.historyLimit ?? 10,
  };
}

function practiceCell(cell: Cell, live: readonly CellFigures[] | undefined): PracticeCell {
  const { metadata, spec, status } = cell;
  const figures = figuresOf(live, cell);
  const conditionOf = (type: string) => status?.conditions?.find((c) => c.type === type);
  const { phase, blocker = '', blockedSince } = status?.drain ?? {};
  return {
    name: metadata.name,
    generation: metadata.generation,
    deleting: metadata.deletionTimestamp !== undefined,
    ready: isReady(cell),
    degraded: conditionOf('Degraded')?.status === 'True',
    suspect: isSuspect(cell),
    weight: status?.weight ?? 0,
    normalWeight: spec.traffic?.weight ?? 100,
    drain: spec.drain ?? {},
    phase,
    blocked:
      phase === 'Blocked'
        ? {
            reason: conditionOf('Draining')?.reason ?? 'Blocked',
            message: blocker,
            sinceMs: Date.parse(blockedSince ?? ''),
          }
        : undefined,
    capacity: spec.capacity?.connections ?? 50_000,
    sockets: figures?.sockets,
    errorRate: figures?.errorRate,
  };
}
