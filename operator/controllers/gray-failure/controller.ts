/**
 * Gray failure: judges every few seconds what the zones see of one another, says so on the Cells of a suspect zone, and
 * sets the intent to drain where spec.drain.mode is Auto. The drain itself is the drain controller's. A gateway that
 * fails alone is taken out of service and replaced; a workspace that fails alone is named.
 *
 * Needs (namespaced): chatcells.dev cells: get list watch patch, cells/status and workspaces/status: patch, workspaces:
 * get list watch; core pods: get list watch, pods/eviction: create; events.k8s.io events: create patch.
 */
import type { EventRecorder } from '../../../cells/contract/kube/events.ts';
import { type Pod, podReady } from '../../../cells/contract/kube/objects.ts';
import { judge } from '../../../cells/health/judge.ts';
import type { HealthPolicy } from '../../../cells/health/policy.ts';
import type { GatewayVerdict } from '../../../cells/health/processes.ts';
import { isSuspect, Suspicion } from '../../../cells/health/suspicion.ts';
import { ANNOTATIONS, type Cell, LABELS } from '../../../crds/index.ts';
import type { LiveFigures } from '../../live-figures.ts';
import { type Condition, stampConditions, statusIsCurrent, transitions } from '../../runtime/conditions.ts';
import { DONE, type Outcome, requeueAfter } from '../../runtime/controller.ts';
import type { ControllerSpec } from '../../runtime/manager.ts';
import { API } from '../../world.ts';
import { conditionOf, decideGrayFailure, type GrayFailureInput } from './decide.ts';
import { decideGateways, TYPE as GATEWAY_FAILURE, type GatewayFailureInput } from './gateways.ts';
import { WorkspaceHealth, type WorkspaceHealthDeps } from './workspaces.ts';

/** `clearAfterMs`: how long a zone has to be well to count as well again, too. */
export interface GrayFailureDeps extends WorkspaceHealthDeps {
  cells: ReadonlyMap<string, Cell>;
  pods: ReadonlyMap<string, Pod>;
  figures: LiveFigures;
  policy: HealthPolicy;
  /** Whether a gateway that fails alone is drained by itself. */
  drainGateways: boolean;
  /** Share of all capacity that has to stay in service, 0–1. */
  capacityFloor: number;
  monotonicMs: () => number;
}

const MANAGER = 'chatcells-gray-failure';
const PERIOD_MS = 5_000;
/** The Cells of one round are judged by one report. */
const FRESH_MS = 2_000;
/** After so long without a round another process may have led, and what it found out is in the conditions. */
const FORGET_MS = 3 * PERIOD_MS;

export function grayFailureController(deps: GrayFailureDeps): ControllerSpec {
  const judgement = new Judgement(deps);
  return {
    name: 'gray-failure',
    workers: 1,
    reconcile: async (key) => {
      await judgement.refresh();
      const cell = deps.cells.get(key);
      if (!cell || cell.metadata.annotations?.[ANNOTATIONS.reconcile] === 'disabled') return DONE;
      return reconcile(deps, cell, judgement);
    },
    triggers: [{ resource: 'Cell', keysOf: (key) => [key] }],
  };
}

/** Suspicion, kept up with a report every few seconds; what an earlier leader had found is in the conditions. */
class Judgement {
  readonly #deps: GrayFailureDeps;
  suspicion: Suspicion;
  #workspaces: WorkspaceHealth;
  /** Of the last report; undefined while there is none. */
  gateways: readonly GatewayVerdict[] | undefined;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(deps: GrayFailureDeps) {
    this.#deps = deps;
    this.suspicion = new Suspicion(deps.clearAfterMs);
    this.#workspaces = new WorkspaceHealth(deps);
  }

  async refresh(): Promise<void> {
    const { figures, policy, cells, monotonicMs } = this.#deps;
    const sinceMs = monotonicMs() - this.#atMs;
    if (sinceMs < FRESH_MS) return;
    this.#atMs = monotonicMs();
    if (sinceMs > FORGET_MS) {
      this.suspicion = new Suspicion(this.#deps.clearAfterMs);
      this.suspicion.inherit([...cells.values()].filter(isSuspect).map((c) => c.spec.zone));
      this.#workspaces = new WorkspaceHealth(this.#deps);
    }
    const report = await figures.health();
    const verdict = report && judge(report, policy);
    this.suspicion.observe(verdict, monotonicMs());
    this.suspicion.keepOnly(new Set([...cells.values()].map((c) => c.spec.zone)));
    this.gateways = verdict?.badGateways;
    if (verdict) await this.#workspaces.observe(verdict.badWorkspace, monotonicMs());
  }
}

async function reconcile(deps: GrayFailureDeps, cell: Cell, { suspicion, gateways }: Judgement): Promise<Outcome> {
  const { name, namespace, uid, generation } = cell.metadata;
  const decision = decideGrayFailure(inputOf(deps, cell, suspicion));
  const alone = decideGateways(gatewaysOf(deps, cell, { suspicion, gateways }), deps.nowMs());
  const drainingGateways = alone.draining.length > 0 ? alone.draining : undefined;
  const conditions = stampConditions(cell.status?.conditions, [decision.condition, alone.condition], {
    generation,
    nowMs: deps.nowMs(),
  });
  const ref = { apiVersion: API, kind: 'Cell', namespace, name } as const;
  // Both are refused (409) on top of another version: what a leader found before it was stopped may be long over.
  let { resourceVersion } = cell.metadata;
  // The intent first: a leader that dies in between finds the Cell drained, and only has to say why.
  if (decision.drain) {
    const patch = { metadata: { resourceVersion }, spec: { drain: decision.drain } };
    ({ resourceVersion } = (await deps.client.mergePatch<Cell>(ref, patch, { fieldManager: MANAGER })).metadata);
  }
  const status = { conditions, drainingGateways };
  if (!statusIsCurrent(cell.status, status, ['drainingGateways'])) {
    const object = {
      apiVersion: API,
      kind: 'Cell',
      metadata: { name, namespace, uid, resourceVersion },
      status,
    } as const;
    await deps.client.apply<Cell>(object, { fieldManager: MANAGER, subresource: 'status' });
    for (const transition of transitions(cell.status?.conditions, conditions))
      await deps.events.record(cell, eventOf(transition));
  }
  if (alone.evict) await replace(deps, cell, alone.evict);
  return requeueAfter(PERIOD_MS);
}

const eventOf = ({ type, status, reason, message }: Condition): Parameters<EventRecorder['record']>[1] => ({
  type: status === 'True' ? 'Warning' : 'Normal',
  reason: status === 'True' ? `${type}${reason}` : type === GATEWAY_FAILURE ? 'GatewaysHealthy' : 'ZoneHealthy',
  action: type === GATEWAY_FAILURE ? 'JudgeGateways' : 'JudgeZone',
  note: message,
});

/** Its Deployment makes another. Not while the PodDisruptionBudget forbids it: the next round asks again. */
async function replace(deps: GrayFailureDeps, cell: Cell, { name, uid }: { name: string; uid: string }): Promise<void> {
  const { namespace } = cell.metadata;
  if (!(await deps.client.evict({ apiVersion: 'v1', kind: 'Pod', namespace, name }, { uid }))) return;
  const note = `${name} was drained alone, and is replaced.`;
  await deps.events.record(cell, { type: 'Normal', reason: 'GatewayEvicted', action: 'ReplaceGateway', note });
}

function gatewaysOf(
  { pods, drainGateways }: GrayFailureDeps,
  cell: Cell,
  { suspicion, gateways }: Pick<Judgement, 'suspicion' | 'gateways'>,
): GatewayFailureInput {
  const { metadata, spec, status } = cell;
  return {
    verdicts: gateways?.filter((v) => v.cell === metadata.name),
    pods: [...pods.values()]
      .filter((p) => p.metadata.namespace === metadata.namespace)
      .filter(({ metadata: { labels } }) => labels?.[LABELS.cell] === metadata.name)
      .filter(({ metadata: { labels } }) => labels?.[LABELS.component] === 'gateway')
      .map((p) => ({
        name: p.metadata.name,
        uid: p.metadata.uid,
        ready: podReady(p),
        leaving: p.metadata.deletionTimestamp !== undefined,
      })),
    draining: status?.drainingGateways ?? [],
    before: status?.conditions?.find((c) => c.type === GATEWAY_FAILURE),
    cellLeaves:
      metadata.deletionTimestamp !== undefined ||
      spec.drain?.targetWeight !== undefined ||
      suspicion.suspects.has(spec.zone),
    enabled: drainGateways,
  };
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
