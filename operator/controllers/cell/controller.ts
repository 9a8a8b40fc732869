/**
 * Cell → workloads, Services, PodDisruptionBudgets, service account, Envoy bootstrap.
 *
 * Needs (namespaced): apps deployments, core configmaps, serviceaccounts, services, policy poddisruptionbudgets:
 * create delete get list patch watch; core pods: get list watch; chatcells.dev cells: get list patch watch, cells/status:
 * patch, channelrings: get list watch; events.k8s.io events: create patch.
 */

import type { KubeObject } from '../../../cells/contract/kube/objects.ts';
import { LABELS } from '../../../crds/index.ts';
import type { OperatorConfig } from '../../config.ts';
import type { LiveFigures } from '../../live-figures.ts';
import { DONE, type Outcome, requeueAfter } from '../../runtime/controller.ts';
import type { ControllerSpec } from '../../runtime/manager.ts';
import { OWNED_KINDS, type World } from '../../world.ts';
import { applyObjects, applyStatus, type CellApplier, setFinalizer, tearDown } from './apply.ts';
import { decideCell } from './decide.ts';
import { gatherCell } from './gather.ts';

export function cellController(deps: CellApplier & { figures: LiveFigures; config: OperatorConfig }): ControllerSpec {
  const { world } = deps;
  return {
    name: 'cell',
    workers: 4,
    reconcile: (key) => reconcile(deps, key),
    triggers: [
      { resource: 'Cell', keysOf: (key) => [key] },
      // Any ring may list, or no longer list, any Cell of its namespace.
      { resource: 'ChannelRing', keysOf: () => world.cells.keys() },
      { resource: 'Pod', keysOf: (key, pod) => cellsOfPod(world, key, pod) },
      ...OWNED_KINDS.map(([, kind]) => ({ resource: kind, keysOf: (key: string) => cellsByName(world, key) })),
    ],
  };
}

/** An edge's address is told to every cell's gateways; any other Pod is its own cell's affair. */
function cellsOfPod(world: World, key: string, pod: KubeObject | undefined): Iterable<string> {
  const { [LABELS.cell]: cell, [LABELS.component]: component } = pod?.metadata.labels ?? {};
  if (component === 'edge') return world.cells.keys();
  if (cell !== undefined) return [`${pod?.metadata.namespace}/${cell}`];
  return pod === undefined ? cellsByName(world, key) : [];
}

/** What a Cell owns is named after it, and of a deleted object the key is all that there is. */
const cellsByName = (world: World, key: string): string[] =>
  [...world.cells.keys()].filter((cell) => key.startsWith(`${cell}-`));

async function reconcile(
  deps: CellApplier & { figures: LiveFigures; config: OperatorConfig },
  key: string,
): Promise<Outcome> {
  const observed = await gatherCell(deps.world, key, (cell) => deps.figures.cell(cell), deps.config);
  if (!observed) return DONE;
  const { cell } = observed;
  const decision = decideCell(observed, deps.config);
  switch (decision.kind) {
    case 'paused':
      return DONE;
    case 'addFinalizer':
      await setFinalizer(deps, cell, true);
      return DONE; // its own change brings the key back
    case 'run':
      await applyObjects(deps, cell, decision.objects);
      await applyStatus(deps, cell, decision.status);
      return decision.retryMs === undefined ? DONE : requeueAfter(decision.retryMs);
    case 'tearDown':
      if (!(await tearDown(deps, cell))) return requeueAfter(500);
      if (cell.metadata.finalizers?.length) await setFinalizer(deps, cell, false);
      return DONE;
  }
}
