/**
 * Gray failure: judges every few seconds what the zones see of one another, says so on the Cells of a suspect zone, and
 * sets the intent to drain where spec.drain.mode is Auto. The drain itself is the drain controller's.
 *
 * Needs (namespaced): chatcells.dev cells: get list watch patch, cells/status: patch; core pods: get list watch;
 * events.k8s.io events: create patch.
 */
import type { KubeClient } from '../../../cells/contract/kube/client.ts';
import type { EventRecorder } from '../../../cells/contract/kube/events.ts';
import { judge } from '../../../cells/health/judge.ts';
import type { HealthPolicy } from '../../../cells/health/policy.ts';
import { Suspicion } from '../../../cells/health/suspicion.ts';
import { ANNOTATIONS, type Cell } from '../../../crds/index.ts';
import type { LiveFigures } from '../../live-figures.ts';
import { stampConditions, statusIsCurrent, transitions } from '../../runtime/conditions.ts';
import { DONE, type Outcome, requeueAfter } from '../../runtime/controller.ts';
import type { ControllerSpec } from '../../runtime/manager.ts';
import { API } from '../../world.ts';
import { conditionOf, decideGrayFailure, type GrayFailureInput, isSuspect } from './decide.ts';

export interface GrayFailureDeps {
  client: KubeClient;
  cells: ReadonlyMap<string, Cell>;
  figures: LiveFigures;
  events: EventRecorder;
  policy: HealthPolicy;
  /** How long a zone has to be well to count as well again, in ms. */
  clearAfterMs: number;
  /** Share of all capacity that has to stay in service, 0–1. */
  capacityFloor: number;
  nowMs: () => number;
  monotonicMs: () => number;
}

const MANAGER = 'chatcells-gray-failure';
const PERIOD_MS = 5_000;
/** The Cells of one round are judged by one report. */
const FRESH_MS = 2_000;

export function grayFailureController(deps: GrayFailureDeps): ControllerSpec {
  const judgement = new Judgement(deps);
  return {
    name: 'gray-failure',
    workers: 1,
    reconcile: async (key) => {
      const cell = deps.cells.get(key);
      if (!cell || cell.metadata.annotations?.[ANNOTATIONS.reconcile] === 'disabled') return DONE;
      await judgement.refresh();
      return reconcile(deps, cell, judgement.suspicion);
    },
    triggers: [{ resource: 'Cell', keysOf: (key) => [key] }],
  };
}

/** Suspicion, kept up with a report every few seconds; what an earlier leader had found is in the conditions. */
class Judgement {
  readonly #deps: GrayFailureDeps;
  readonly suspicion: Suspicion;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(deps: GrayFailureDeps) {
    this.#deps = deps;
    this.suspicion = new Suspicion(deps.clearAfterMs);
  }

  async refresh(): Promise<void> {
    const { figures, policy, cells, monotonicMs } = this.#deps;
    if (monotonicMs() - this.#atMs < FRESH_MS) return;
    const first = this.#atMs === Number.NEGATIVE_INFINITY;
    this.#atMs = monotonicMs();
    if (first) this.suspicion.inherit([...cells.values()].filter(isSuspect).map((c) => c.spec.zone));
    const report = await figures.health();
    this.suspicion.observe(report && judge(report, policy), monotonicMs());
  }
}

async function reconcile(deps: GrayFailureDeps, cell: Cell, suspicion: Suspicion): Promise<Outcome> {
  const { name, namespace, uid, generation } = cell.metadata;
  const decision = decideGrayFailure(inputOf(deps, cell, suspicion));
  const conditions = stampConditions(cell.status?.conditions, [decision.condition], {
    generation,
    nowMs: deps.nowMs(),
  });
  const ref = { apiVersion: API, kind: 'Cell', namespace, name } as const;
  // The intent first: a leader that dies in between finds the Cell drained, and only has to say why.
  if (decision.drain)
    await deps.client.mergePatch<Cell>(ref, { spec: { drain: decision.drain } }, { fieldManager: MANAGER });
  if (!statusIsCurrent(cell.status, { conditions }, [])) {
    const object = {
      apiVersion: API,
      kind: 'Cell',
      metadata: { name, namespace, uid },
      status: { conditions },
    } as const;
    await deps.client.apply<Cell>(object, { fieldManager: MANAGER, subresource: 'status' });
    for (const { status, reason, message } of transitions(cell.status?.conditions, conditions))
      await deps.events.record(cell, {
        type: status === 'True' ? 'Warning' : 'Normal',
        reason: status === 'True' ? `GrayFailure${reason}` : 'ZoneHealthy',
        action: 'JudgeZone',
        note: message,
      });
  }
  return requeueAfter(PERIOD_MS);
}

function inputOf(deps: GrayFailureDeps, cell: Cell, suspicion: Suspicion): GrayFailureInput {
  const { zone } = cell.spec;
  const mine = [...deps.cells.values()].filter((c) => c.metadata.namespace === cell.metadata.namespace);
  return {
    zone,
    deleting: cell.metadata.deletionTimestamp !== undefined,
    drain: cell.spec.drain ?? {},
    before: conditionOf(cell),
    suspect: suspicion.suspects.get(zone),
    drainingZone: mine.find((c) => c.spec.zone !== zone && drainsByItself(c))?.spec.zone,
    remainingCapacity: remainingCapacity(mine, zone),
    capacityFloor: deps.capacityFloor,
  };
}

const drainsByItself = ({ spec: { drain } }: Cell): boolean =>
  drain?.initiator === 'GrayFailure' && drain.targetWeight !== undefined;

const capacityOf = (cells: readonly Cell[]): number =>
  cells.reduce((all, { spec }) => all + (spec.capacity?.connections ?? 50_000), 0);

/** Cells outside the zone that are Ready, take traffic and are to keep it, over all. */
function remainingCapacity(cells: readonly Cell[], zone: string): number {
  const staying = cells.filter(
    ({ metadata, spec, status }) =>
      spec.zone !== zone &&
      !metadata.deletionTimestamp &&
      spec.drain?.targetWeight === undefined &&
      (status?.weight ?? 0) > 0 &&
      status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
  );
  return capacityOf(staying) / Math.max(1, capacityOf(cells));
}
