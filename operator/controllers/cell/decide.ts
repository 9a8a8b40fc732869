/** What is to be done about one Cell. Pure: no clock, no I/O. */

import type { Manifest } from '../../../cells/contract/kube/client.ts';
import { ANNOTATIONS, type Cell, FINALIZER } from '../../../crds/index.ts';
import type { OperatorConfig } from '../../config.ts';
import { condition, type NewCondition } from '../../runtime/conditions.ts';
import type { ObservedCell } from './gather.ts';
import { componentStates, readinessConditions } from './readiness.ts';
import { type CellWorkloads, held, rolloutWaitsFor } from './rollout.ts';
import { workloadsOf } from './workloads.ts';

export type CellDecision =
  | { kind: 'paused' }
  /** The finalizer comes first: without it a deletion would not wait. */
  | { kind: 'addFinalizer' }
  | { kind: 'run'; objects: Manifest[]; status: CellPart; retryMs: number | undefined }
  /** Nobody uses it any more: remove what it is made of, then let it go. */
  | { kind: 'tearDown' };

/** The part of Cell.status that this controller owns. */
export interface CellPart {
  slots: number | undefined;
  ring: string | undefined;
  conditions: NewCondition[];
}

/** What a Cell waits for is for the most part another object's change, which does not bring its key back. */
const WAITING_POLL_MS = 2000;

export function decideCell(observed: ObservedCell, config: OperatorConfig): CellDecision {
  const { cell, ring } = observed;
  if (cell.metadata.annotations?.[ANNOTATIONS.reconcile] === 'disabled') return { kind: 'paused' };
  const deleting = cell.metadata.deletionTimestamp !== undefined;
  const finalized = cell.metadata.finalizers?.includes(FINALIZER) ?? false;
  if (!deleting && !finalized) return { kind: 'addFinalizer' };
  const waitsFor = deleting ? deletionBlockers(observed) : [];
  if (deleting && waitsFor.length === 0) return { kind: 'tearDown' };

  const wantedOf = (of: CellWorkloads): Manifest[] => workloadsOf({ ...of, edgeUrls: observed.edgeUrls, config });
  const objects = wantedOf(observed);
  const first = deleting ? undefined : rolloutWaitsFor({ ...observed, wanted: objects }, observed.others, wantedOf);
  const states = componentStates(cell, observed.pods, ring !== undefined);
  const progress = deleting ? deletionWaits(waitsFor) : first && rolloutWaits(first);
  const conditions = readinessConditions(states, ring?.metadata);
  return {
    kind: 'run',
    objects: first ? objects.map(held) : objects,
    status: {
      slots: observed.slots,
      ring: ring?.metadata.name,
      // What waits is what is in progress.
      conditions: progress ? conditions.map((c) => (c.type === progress.type ? progress : c)) : conditions,
    },
    retryMs: progress ? WAITING_POLL_MS : undefined,
  };
}

function deletionWaits(waitsFor: readonly string[]): NewCondition {
  const how = 'To delete it with its users, set spec.drain.force and spec.drain.reason.';
  return condition('Progressing', true, 'DeletionWaits', `Deletion waits: ${waitsFor.join('; ')}. ${how}`);
}

function rolloutWaits({ metadata: { name }, status }: Cell): NewCondition {
  const how = howToGoOn(name, status?.drain);
  return condition('Progressing', true, 'RolloutWaits', `New Pods wait until Cell ${name} has its own. ${how}`);
}

/** Channel servers of a Cell whose drain stands still get no slots: mending the Cell is of no use then. */
function howToGoOn(name: string, drain: NonNullable<Cell['status']>['drain']): string {
  if (drain?.phase === 'Paused') return `The drain or undrain of ${name} is paused: chatctl resume ${name} goes on.`;
  if (drain?.phase === 'Blocked' && drain.fromWeight !== undefined)
    return `The drain of ${name} is blocked: chatctl undrain ${name} takes it back, chatctl describe cells ${name} says why.`;
  return `If ${name} does not come up: mend it, or drain it; a Cell without traffic is not waited for.`;
}

/** Empty when the Cell may go. */
function deletionBlockers({ cell, listedBy, figures, otherCells, slots }: ObservedCell): string[] {
  if (cell.spec.drain?.force) return [];
  const blockers = listedBy.map((ring) => `ChannelRing ${ring} lists it: remove it from spec.cells`);
  const weight = cell.status?.weight ?? 0;
  if (weight === 0 && neverServed(cell)) return blockers;
  if (!figures) return [...blockers, 'no control plane tells of its sockets and slots'];
  if (figures.sockets > 0) blockers.push('it has open sockets');
  if (figures.slots > 0 || (slots ?? 0) > 0) blockers.push('it owns slots');
  // The last Cell has nowhere to send its traffic: its weight stays, and open sockets tell whether it is in use.
  if (weight > 0 && otherCells > 0) blockers.push('it still takes traffic: its drain goes on');
  return blockers;
}

const neverServed = (cell: Cell): boolean => cell.status?.weight === undefined;
