/** Carries a decision about a Cell out. Writes only what is not already so. */

import type { KubeClient } from '../../../cells/contract/kube/client.ts';
import type { EventRecorder } from '../../../cells/contract/kube/events.ts';
import { type Cell, FINALIZER } from '../../../crds/index.ts';
import { stampConditions, statusIsCurrent, transitions } from '../../runtime/conditions.ts';
import { applyOwned, ownedBy } from '../../runtime/owned.ts';
import { API, OWNED_KINDS, type World } from '../../world.ts';
import type { CellPart } from './decide.ts';

export const MANAGER = 'chatcells-cell';

export interface CellApplier {
  client: KubeClient;
  world: World;
  events: EventRecorder;
  nowMs: () => number;
}

/** The finalizer is its own manager's, so that no other write of ours drops it. */
export async function setFinalizer({ client }: CellApplier, cell: Cell, on: boolean): Promise<void> {
  const { name, namespace, uid } = cell.metadata;
  await client.apply(
    { apiVersion: API, kind: 'Cell', metadata: { name, namespace, uid, finalizers: on ? [FINALIZER] : [] } },
    { fieldManager: `${MANAGER}-finalizer` },
  );
}

export async function applyObjects(
  applier: CellApplier,
  cell: Cell,
  wanted: Parameters<typeof applyOwned>[0]['wanted'],
): Promise<void> {
  const { client, world, events } = applier;
  const { uid, namespace } = cell.metadata;
  const live = world.owned;
  const changes = await applyOwned({
    client,
    live,
    ownerUid: uid,
    namespace,
    wanted,
    kinds: OWNED_KINDS,
    fieldManager: MANAGER,
  });
  const names = [
    ...changes.applied.map((m) => `${m.kind} ${m.metadata.name}`),
    ...changes.deleted.map((o) => `${o.kind ?? 'object'} ${o.metadata.name} (removed)`),
  ];
  if (names.length === 0) return;
  await events.record(cell, { type: 'Normal', reason: 'Applied', action: 'Apply', note: names.join(', ') });
}

export async function applyStatus(applier: CellApplier, cell: Cell, part: CellPart): Promise<void> {
  const { name, namespace, uid, generation } = cell.metadata;
  const conditions = stampConditions(cell.status?.conditions, part.conditions, { generation, nowMs: applier.nowMs() });
  const status = { ...part, observedGeneration: generation, conditions };
  if (statusIsCurrent(cell.status, status, ['slots', 'ring', 'observedGeneration'])) return;
  await applier.client.apply(
    { apiVersion: API, kind: 'Cell', metadata: { name, namespace, uid }, status },
    { fieldManager: MANAGER, subresource: 'status' },
  );
  for (const c of transitions(cell.status?.conditions, conditions)) {
    // Progressing and Degraded say the same as Ready in other words, but for what waits.
    const waits = c.reason === 'DeletionWaits' || c.reason === 'RolloutWaits';
    if (c.type !== 'Ready' && !waits) continue;
    const type = c.status === 'False' || c.reason === 'DeletionWaits' ? 'Warning' : 'Normal';
    await applier.events.record(cell, {
      type,
      reason: c.reason,
      action: c.type,
      note: `${c.type} is ${c.status}: ${c.message}`,
    });
  }
}

/** True once nothing is left of what the Cell owned. */
export async function tearDown({ client, world }: CellApplier, cell: Cell): Promise<boolean> {
  let left = 0;
  for (const [apiVersion, kind] of OWNED_KINDS) {
    for (const { metadata } of [...world.owned(kind).values()].filter((o) => ownedBy(o, cell.metadata.uid))) {
      left++;
      if (metadata.deletionTimestamp !== undefined) continue;
      await client.delete(
        { apiVersion, kind, namespace: cell.metadata.namespace, name: metadata.name },
        { uid: metadata.uid },
      );
    }
  }
  return left === 0;
}
