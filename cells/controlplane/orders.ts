/** Cell and Workspace objects → what the dataplane is told of them. Pure. */
import type { Cell, Workspace } from '../../crds/index.ts';
import type { DrainOrder, WorkspaceEntry } from '../contract/control.ts';
import { isWorkspaceId } from '../contract/ids.ts';
import { parseDurationMs } from '../contract/process/config.ts';
import { weightInForce } from '../traffic/world.ts';

const SHEDDING: readonly unknown[] = ['Draining', 'Drained', 'Blocked'];

/**
 * The order of a cell. `before` keeps its generation while nothing else has changed; otherwise the generation is the
 * Cell's resource version, which only rises.
 */
export function drainOrderOf(cell: Cell, before: DrainOrder | undefined): DrainOrder {
  const { metadata, spec, status } = cell;
  const draining = SHEDDING.includes(status?.drain?.phase);
  const from = status?.drain?.fromWeight || spec.traffic?.weight || 100;
  const order = {
    cell: metadata.name,
    draining,
    keepPercent: draining ? Math.min(100, Math.ceil((100 * weightInForce(spec, status)) / from)) : 100,
    spreadMs: parseDurationMs(spec.drain?.stepInterval ?? '2s'),
    reason: spec.drain?.reason ?? '',
  };
  const same =
    before !== undefined &&
    (['cell', 'draining', 'keepPercent', 'spreadMs', 'reason'] as const).every((k) => before[k] === order[k]);
  return same ? before : { ...order, generation: Number(metadata.resourceVersion) };
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

/** Whether the channel servers of the cell are to give up their slots: it is being emptied. */
export const isEmptying = ({ spec, status }: Cell): boolean =>
  spec.drain?.targetWeight === 0 && SHEDDING.includes(status?.drain?.phase);
