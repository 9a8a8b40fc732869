/**
 * Refused configurations: asks the control plane every few seconds which processes of a Cell refused what they were sent,
 * and says so on the Cell in their own words.
 *
 * Needs (namespaced): chatcells.dev cells: get list watch, cells/status: patch; core pods: get list watch;
 * events.k8s.io events: create patch.
 */
import type { KubeClient } from '../../../cells/contract/kube/client.ts';
import type { EventRecorder } from '../../../cells/contract/kube/events.ts';
import { ANNOTATIONS, type Cell } from '../../../crds/index.ts';
import type { CellFigures, LiveFigures } from '../../live-figures.ts';
import { stampConditions, statusIsCurrent, transitions } from '../../runtime/conditions.ts';
import { DONE, type Outcome, requeueAfter } from '../../runtime/controller.ts';
import type { ControllerSpec } from '../../runtime/manager.ts';
import { API } from '../../world.ts';
import { decideConfiguration } from './decide.ts';

export interface ConfigurationDeps {
  client: KubeClient;
  cells: ReadonlyMap<string, Cell>;
  figures: Pick<LiveFigures, 'cells'>;
  events: EventRecorder;
  nowMs: () => number;
  monotonicMs: () => number;
}

const MANAGER = 'chatcells-configuration';
const PERIOD_MS = 5_000;
/** The Cells of one round share an answer. */
const FRESH_MS = 2_000;

export function configurationController(deps: ConfigurationDeps): ControllerSpec {
  const { cells, figures, monotonicMs } = deps;
  let known: { atMs: number; answer: Promise<readonly CellFigures[] | undefined> } | undefined;
  const figuresOf = async (name: string): Promise<CellFigures | undefined> => {
    if (!known || monotonicMs() - known.atMs > FRESH_MS) known = { atMs: monotonicMs(), answer: figures.cells() };
    return (await known.answer)?.find((c) => c.cell === name);
  };
  return {
    name: 'configuration',
    workers: 1,
    reconcile: async (key) => {
      const cell = cells.get(key);
      if (!cell || cell.metadata.annotations?.[ANNOTATIONS.reconcile] === 'disabled') return DONE;
      return reconcile(deps, cell, await figuresOf(cell.metadata.name));
    },
    triggers: [{ resource: 'Cell', keysOf: (key) => [key] }],
  };
}

async function reconcile(
  { client, events, nowMs }: ConfigurationDeps,
  cell: Cell,
  figures: CellFigures | undefined,
): Promise<Outcome> {
  const decided = decideConfiguration(figures?.refusals);
  if (decided === undefined) return requeueAfter(PERIOD_MS);
  const { name, namespace, uid, generation } = cell.metadata;
  const conditions = stampConditions(cell.status?.conditions, [decided], { generation, nowMs: nowMs() });
  if (statusIsCurrent(cell.status, { conditions }, [])) return requeueAfter(PERIOD_MS);
  await client.apply<Cell>(
    { apiVersion: API, kind: 'Cell', metadata: { name, namespace, uid }, status: { conditions } },
    { fieldManager: MANAGER, subresource: 'status' },
  );
  for (const { status, message } of transitions(cell.status?.conditions, conditions))
    await events.record(cell, {
      type: status === 'True' ? 'Warning' : 'Normal',
      reason: status === 'True' ? 'ConfigurationRefused' : 'ConfigurationAccepted',
      action: 'Configure',
      note: message,
    });
  return requeueAfter(PERIOD_MS);
}
