/** Reads what the decision about one drain needs. */

import { parseDurationMs } from '../../../cells/contract/process/config.ts';
import { isSuspect } from '../../../cells/health/suspicion.ts';
import { ANNOTATIONS, type Cell } from '../../../crds/index.ts';
import type { CellFigures, LiveFigures } from '../../live-figures.ts';
import type { Newest } from '../../runtime/newest.ts';
import { decideDrain } from './decide.ts';
import type { DrainInput, OtherCell } from './model.ts';

export interface ObservedDrain {
  cell: Cell;
  paused: boolean;
  input: DrainInput;
  unreachableEdges: string[] | undefined;
}

export async function gatherDrain(
  cells: Newest<Cell>,
  key: string,
  figures: LiveFigures,
): Promise<ObservedDrain | undefined> {
  const cell = cells.get(key);
  if (!cell) return undefined;
  const paused = cell.metadata.annotations?.[ANNOTATIONS.reconcile] === 'disabled';
  const others = cells
    .all()
    .filter((c) => c.metadata.uid !== cell.metadata.uid && c.metadata.namespace === cell.metadata.namespace);
  const atRest = inputOf(cell, others, undefined);
  // A cell at rest needs no live figures, so nobody is asked.
  if (paused || decideDrain(atRest, 0).retryMs === undefined)
    return { cell, paused, input: atRest, unreachableEdges: undefined };
  const live = await figures.cells();
  const own = figuresOf(live, cell);
  return { cell, paused, input: inputOf(cell, others, live), unreachableEdges: own?.unreachableEdges };
}

function inputOf(cell: Cell, others: readonly Cell[], live: readonly CellFigures[] | undefined): DrainInput {
  const { drain = {}, traffic } = cell.spec;
  const own = figuresOf(live, cell);
  return {
    name: cell.metadata.name,
    deleting: cell.metadata.deletionTimestamp !== undefined,
    ready: isReady(cell),
    // The intent of an automatic drain is written before the condition that says why.
    suspect: isSuspect(cell) || drain.initiator === 'GrayFailure',
    normalWeight: traffic?.weight ?? 100,
    intent: {
      targetWeight: drain.targetWeight,
      stepPercent: drain.stepPercent ?? 1,
      stepIntervalMs: parseDurationMs(drain.stepInterval ?? '2s'),
      maxErrorRate: Number(drain.maxErrorRate ?? '0.01'),
      deadlineMs: drain.deadline === undefined ? undefined : parseDurationMs(drain.deadline),
      paused: drain.paused ?? false,
      pauseReason: drain.pauseReason,
      reason: drain.reason,
      requestedBy: drain.requestedBy,
      force: drain.force ?? false,
    },
    status: cell.status ?? {},
    live: own && { sockets: own.sockets, slots: own.slots, ...failuresOf(own, own.errorRate) },
    others: others.map((other) => otherCell(other, live, cell.spec.zone)),
  };
}

/** `leaving`: the zone of the Cell that is drained. */
function otherCell(cell: Cell, live: readonly CellFigures[] | undefined, leaving: string): OtherCell {
  const deleting = cell.metadata.deletionTimestamp !== undefined;
  const normalWeight = cell.spec.traffic?.weight ?? 100;
  const figures = figuresOf(live, cell);
  return {
    name: cell.metadata.name,
    weight: cell.status?.weight ?? 0,
    ready: isReady(cell) && !deleting,
    capacity: cell.spec.capacity?.connections ?? 50_000,
    sockets: figures?.sockets,
    normalWeight,
    targetWeight: deleting ? 0 : (cell.spec.drain?.targetWeight ?? normalWeight),
    drainingSince: cell.status?.drain?.phase === 'Draining' ? cell.status.drain.startedAt : undefined,
    // What the edges of the zone itself see of the others may be its own bad links: the reason to leave it. Where
    // hardly anybody else sees the Cell, or it lies in that zone too, theirs is the word that there is.
    ...failuresOf(
      figures,
      (cell.spec.zone === leaving ? undefined : figures?.errorRateWithout?.[leaving]) ?? figures?.errorRate,
    ),
  };
}

const failuresOf = (figures: CellFigures | undefined, errorRate: number | undefined) => ({
  errorRate,
  unseen: errorRate === undefined && (figures?.missingReplicas ?? 0) > 0,
});

export const isReady = (cell: Cell): boolean =>
  (cell.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');

/** The control plane names a cell by its name, alone or after its namespace. */
export const figuresOf = (live: readonly CellFigures[] | undefined, cell: Cell): CellFigures | undefined =>
  live?.find((f) => f.cell === cell.metadata.name || f.cell === `${cell.metadata.namespace}/${cell.metadata.name}`);
