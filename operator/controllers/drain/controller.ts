/**
 * Drains and undrains: weights in steps, with the capacity gate and the error budget. One worker, since the steps of
 * two cells together must not sum to zero.
 *
 * Needs (namespaced): chatcells.dev cells: get list watch, cells/status: patch; core pods: get list watch;
 * events.k8s.io events: create patch.
 */

import type { LiveFigures } from '../../live-figures.ts';
import { DONE, type Outcome, requeueAfter } from '../../runtime/controller.ts';
import type { ControllerSpec } from '../../runtime/manager.ts';
import { applyDrain, type DrainApplier } from './apply.ts';
import { decideDrain } from './decide.ts';
import { gatherDrain } from './gather.ts';

export function drainController(deps: DrainApplier & { figures: LiveFigures }): ControllerSpec {
  return {
    name: 'drain',
    workers: 1,
    reconcile: (key) => reconcile(deps, key),
    triggers: [{ resource: 'Cell', keysOf: (key) => [key] }],
  };
}

async function reconcile(deps: DrainApplier & { figures: LiveFigures }, key: string): Promise<Outcome> {
  const observed = await gatherDrain(deps.cells, key, deps.figures);
  if (!observed || observed.paused) return DONE;
  const decision = decideDrain(observed.input, deps.nowMs());
  await applyDrain(deps, observed, decision);
  return decision.retryMs === undefined ? DONE : requeueAfter(decision.retryMs);
}
