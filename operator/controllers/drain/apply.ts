/** Writes a drain's decision into the Cell's status, when it is new. */

import type { KubeClient } from '../../../cells/contract/kube/client.ts';
import type { EventRecorder } from '../../../cells/contract/kube/events.ts';
import type { Cell } from '../../../crds/index.ts';
import { stampConditions, statusIsCurrent } from '../../runtime/conditions.ts';
import type { Newest } from '../../runtime/newest.ts';
import { API } from '../../world.ts';
import type { ObservedDrain } from './gather.ts';
import type { DrainDecision } from './model.ts';

const MANAGER = 'chatcells-drain';

export interface DrainApplier {
  client: KubeClient;
  cells: Newest<Cell>;
  events: EventRecorder;
  nowMs: () => number;
}

export async function applyDrain(
  applier: DrainApplier,
  { cell, unreachableEdges }: ObservedDrain,
  decision: DrainDecision,
): Promise<void> {
  const { name, namespace, uid, generation, resourceVersion } = cell.metadata;
  const status = {
    weight: decision.weight,
    drain: decision.drain,
    // Known while a drain goes on; at rest nobody is asked, and an old list would be a lie.
    unreachableEdges: unreachableEdges?.length ? [...unreachableEdges].sort() : undefined,
    conditions: stampConditions(cell.status?.conditions, decision.conditions, { generation, nowMs: applier.nowMs() }),
  };
  if (!statusIsCurrent(cell.status, status, ['weight', 'drain', 'unreachableEdges'])) {
    // Refused (409) on top of another version: a leader that was stopped meanwhile would put its old weight in force.
    const written = await applier.client.apply<Cell>(
      { apiVersion: API, kind: 'Cell', metadata: { name, namespace, uid, resourceVersion }, status },
      { fieldManager: MANAGER, subresource: 'status' },
    );
    applier.cells.wrote(`${namespace}/${name}`, written);
  }
  for (const { type, reason, note } of decision.events)
    await applier.events.record(cell, { type, reason, action: 'Drain', note });
}
