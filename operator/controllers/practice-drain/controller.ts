/**
 * PracticeDrain → drains that are practised: begins them when they are due, gives up by its rules, takes back what it did,
 * and keeps a record. The drain itself is the drain controller's. One worker, since two practices never run at once.
 *
 * Needs (namespaced): chatcells.dev practicedrains: get list patch watch, practicedrains/status: patch, cells: get list
 * patch watch; core pods: get list watch; events.k8s.io events: create patch.
 */
import { ANNOTATIONS } from '../../../crds/index.ts';
import { DONE, type Outcome, requeueAfter } from '../../runtime/controller.ts';
import type { ControllerSpec } from '../../runtime/manager.ts';
import { applyStatus, type PracticeApplier, setDrain, setFinalizer } from './apply.ts';
import { decidePractice } from './decide.ts';
import { gatherPractice, type PracticeWorld } from './gather.ts';

export function practiceDrainController(deps: PracticeApplier & PracticeWorld): ControllerSpec {
  return {
    name: 'practice-drain',
    workers: 1,
    reconcile: (key) => reconcile(deps, key),
    triggers: [
      { resource: 'PracticeDrain', keysOf: (key) => [key] },
      { resource: 'Cell', keysOf: () => running(deps) },
    ],
  };
}

/** Whatever happens to any Cell may end a run. */
const running = ({ practices }: PracticeApplier): string[] =>
  practices
    .all()
    .filter((p) => p.status?.run !== undefined)
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);

async function reconcile(deps: PracticeApplier & PracticeWorld, key: string): Promise<Outcome> {
  const practice = deps.practices.get(key);
  if (!practice || practice.metadata.annotations?.[ANNOTATIONS.reconcile] === 'disabled') return DONE;
  const nowMs = deps.nowMs();
  const decision = decidePractice(await gatherPractice(deps, practice, nowMs), nowMs);
  switch (decision.kind) {
    case 'addFinalizer':
      await setFinalizer(deps, practice, true);
      return DONE; // its own change brings the key back
    case 'release':
      if (practice.metadata.finalizers?.length) await setFinalizer(deps, practice, false);
      return DONE;
    case 'cell':
      await setDrain(deps, practice.metadata.namespace, decision);
      return requeueAfter(1);
    case 'status':
      await applyStatus(deps, practice, decision);
      return requeueAfter(decision.retryMs);
  }
}
