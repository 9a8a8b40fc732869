/** Cell and Workspace objects → what the dataplane is told of them. Pure. */
import type { Cell, Workspace } from '../../crds/index.ts';
import type { DrainOrder, WorkspaceEntry } from '../contract/control.ts';
import { isWorkspaceId } from '../contract/ids.ts';
import { parseDurationMs } from '../contract/process/config.ts';
import { isSuspect } from '../health/suspicion.ts';
import { weightInForce } from '../traffic/world.ts';

/** Whether sockets and slots are to leave: a drain that stands still keeps what has left away, an undrain does not. */
function isShedding({ status }: Cell): boolean {
  const { phase, fromWeight } = status?.drain ?? {};
  if (phase === 'Blocked' || phase === 'Paused') return fromWeight !== undefined;
  return phase === 'Draining' || phase === 'Drained';
}

/** Gateways of a cell that are drained alone, by the names of their Pods. */
export const gatewaysDrainedAlone = ({ status }: Cell): string[] =>
  (status?.drainingGateways ?? []).map((g) => g.pod).sort();

/**
 * The order of a cell. `before` keeps its generation while nothing else has changed; otherwise the generation is the
 * Cell's resource version, or one more than before: a restored backup of the API server begins with lower ones, and the
 * servers take no order that is older than the one they have.
 */
export function drainOrderOf(cell: Cell, before: DrainOrder | undefined): DrainOrder {
  const { metadata, spec, status } = cell;
  const draining = isShedding(cell);
  const from = status?.drain?.fromWeight || spec.traffic?.weight || 100;
  const order = {
    cell: metadata.name,
    draining,
    keepPercent: draining ? Math.min(100, Math.ceil((100 * weightInForce(spec, status)) / from)) : 100,
    spreadMs: parseDurationMs(spec.drain?.stepInterval ?? '2s'),
    reason: spec.drain?.reason ?? '',
    gateways: gatewaysDrainedAlone(cell),
  };
  const same =
    before !== undefined &&
    (['cell', 'draining', 'keepPercent', 'spreadMs', 'reason'] as const).every((k) => before[k] === order[k]) &&
    before.gateways.join() === order.gateways.join();
  return same
    ? before
    : { ...order, generation: Math.max(Number(metadata.resourceVersion), (before?.generation ?? 0) + 1) };
}

/** Undefined until the operator has given it an id and keys. */
export function workspaceEntryOf({ metadata, spec, status }: Workspace): WorkspaceEntry | undefined {
  const id = status?.workspaceId;
  if (!isWorkspaceId(id) || !status?.tokenKeys?.length) return undefined;
  return {
    id,
    name: `${metadata.namespace}/${metadata.name}`,
    displayName: spec.displayName,
    ring: `${metadata.namespace}/${spec.ring}`,
    suspended: spec.suspended ?? false,
    keys: status.tokenKeys.map(({ kid, x }) => ({ kid, x })),
    limits: { connections: spec.limits?.connections ?? 100_000, postsPerSecond: spec.limits?.postsPerSecond ?? 1_000 },
    generation: metadata.generation,
  };
}

/**
 * A drain that may not take its first step, or went back to where it began: there is no room, or nobody knows. What it
 * would move, slots too, stays. Of a suspect zone the slots leave all the same.
 */
function isRefused(cell: Cell): boolean {
  if (cell.spec.drain?.targetWeight !== 0) return false; // no other drain moves slots
  const { weight, drain } = cell.status ?? {};
  const atStart = drain?.phase === 'Blocked' && drain.fromWeight !== undefined && (weight ?? 0) >= drain.fromWeight;
  return atStart && !isSuspect(cell) && cell.spec.drain.initiator !== 'GrayFailure';
}

/** Whether the channel servers of the cell are to give up their slots: it is being emptied. */
export const isEmptying = (cell: Cell): boolean =>
  cell.spec.drain?.targetWeight === 0 && isShedding(cell) && !isRefused(cell);

/** Whether its slots stay where they are, and none come: a drain or undrain that is under way is paused, or refused. */
export const holdsSlots = (cell: Cell): boolean => {
  const { spec, status } = cell;
  const isPaused = (spec.drain?.paused ?? false) && !['None', 'Drained'].includes(status?.drain?.phase ?? 'None');
  return isPaused || isRefused(cell);
};
