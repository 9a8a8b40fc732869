/** The live figures under /debug/v1 that chatctl and the operator read: JSON, never in status. */
import { ChatError } from '../contract/errors.ts';
import type { Pod } from '../contract/kube/index.ts';
import type { Heartbeat } from '../contract/ring-store.ts';
import { combine, errorRate } from '../health/combine.ts';
import type { CellLoads, LoadHistory, OwnReport } from '../health/history.ts';
import { sharesOf } from '../ring/shares.ts';
import { weightInForce } from '../traffic/world.ts';
import type { NodeConfig } from '../xds/node-config.ts';
import type { NodeStatus } from '../xds/server.ts';
import { nodeConfigAt, refusalsOf, withPods } from './debug-nodes.ts';
import { type RingSources, ringFigures, ringPlan } from './debug-rings.ts';
import { where } from './debug-where.ts';
import { type Peers, unreachableEdges } from './peers.ts';
import type { Position } from './staleness.ts';

export interface DebugSources extends RingSources {
  pods: ReadonlyMap<string, Pod>;
  /** Heartbeats of the living, and of the silent whose Pods are Ready. */
  serving: () => readonly Heartbeat[];
  /** How old the heartbeats are that `alive` answers with; undefined while none have been read. */
  ageMs: () => number | undefined;
  nodes: () => NodeStatus[];
  /** What a node of this replica was sent, by its id. */
  nodeConfig: (id: string) => NodeConfig | undefined;
  position: () => Position;
  /** The nodes of all replicas; undefined when one does not answer. */
  allNodes: () => Promise<NodeStatus[] | undefined>;
  loads: Pick<LoadHistory, 'report' | 'cellLoads'>;
  peers: Pick<Peers, 'ask'>;
}

/** Answers a path of the admin port; undefined when it is none of these. Throws `not_found` and `invalid_arguments`. */
export function debugRoute(url: URL, from: DebugSources): Promise<unknown> | undefined {
  const answer = answerOf(url, from);
  return answer === undefined ? undefined : Promise.resolve(answer);
}

function answerOf(url: URL, from: DebugSources): unknown {
  const [, debug, version, what, ...rest] = url.pathname.split('/').map(decodeURIComponent);
  if (debug !== 'debug' || version !== 'v1') return undefined;
  if (what === 'nodes' && rest.length > 0) return nodeConfigAt(rest, from.nodeConfig);
  if (what === 'nodes') return withPods(from.nodes(), from.pods);
  if (what === 'position') return from.position();
  if (what === 'cells') return cellFigures(from);
  if (what === 'health') return health(rest[0], from);
  if (what === 'rings' && rest.length === 0) return [...from.rings.keys()].map((ring) => ringFigures(ring, from));
  if (what === 'rings' && rest.length === 2) return ringFigures(rest.join('/'), from);
  if (what === 'rings' && rest.length === 3 && rest[2] === 'plan')
    return ringPlan(rest.slice(0, 2).join('/'), url.searchParams, from);
  if (what === 'where') return where(url.searchParams, from);
  return undefined;
}

/** `/debug/v1/health` is of all replicas; `own` and `loads` below it are what they ask one another for. */
function health(part: string | undefined, { loads, peers }: DebugSources): unknown {
  if (part === 'own') return loads.report();
  if (part === 'loads') return loads.cellLoads();
  return part === undefined
    ? peers.ask<OwnReport>('health/own').then((theirs) => combine(loads.report(), theirs))
    : undefined;
}

async function cellFigures(from: DebugSources): Promise<object[]> {
  const ageMs = from.ageMs();
  // Nothing read is not the same as nothing there: a drain would be taken for finished.
  if (ageMs === undefined) throw new ChatError('store_unavailable');
  const rows = from.alive();
  const slots = slotsByCell(from);
  const sockets = socketsByCell(from);
  const [nodes, theirs] = await Promise.all([from.allNodes(), from.peers.ask<CellLoads>('health/loads')]);
  const loads = [from.loads.cellLoads(), ...theirs];
  const missingReplicas = theirs.filter((l) => l === undefined).length;
  const zones = [...new Set([...from.cells.values()].map(({ spec }) => spec.zone))];
  const unreachable = nodes && { unreachableEdges: unreachableEdges(from.pods.values(), nodes) };
  return [...from.cells.values()].map(({ metadata: { name, namespace }, spec, status }) => {
    const mine = rows.filter((r) => r.cell === name);
    const failed = errorRate(name, loads);
    const without = zones.flatMap((zone) => {
      const rate = errorRate(name, loads, zone);
      return rate === undefined ? [] : [[zone, rate] as const];
    });
    return {
      cell: name,
      namespace,
      zone: spec.zone,
      ageSeconds: Math.round(ageMs / 1_000),
      weightInForce: weightInForce(spec, status),
      capacity: spec.capacity?.connections ?? 50_000,
      sockets: sockets.get(name) ?? 0,
      perSecond: mine.reduce((sum, r) => sum + r.load.perSecond, 0),
      slots: slots.get(name) ?? 0,
      members: mine.filter((r) => r.role === 'channel').length,
      gateways: mine.filter((r) => r.role === 'gateway').length,
      api: mine.filter((r) => r.role === 'api').length,
      ...(failed !== undefined && { errorRate: failed }),
      errorRateWithout: Object.fromEntries(without),
      missingReplicas,
      // Every edge has a part in every cell's weight.
      ...unreachable,
      ...(nodes && { refusals: refusalsOf(name, nodes, from.pods) }),
    };
  });
}

function socketsByCell(from: DebugSources): Map<string, number> {
  const sockets = new Map<string, number>();
  for (const { role, cell, load } of from.serving())
    if (role === 'gateway') sockets.set(cell, (sockets.get(cell) ?? 0) + load.sockets);
  return sockets;
}

function slotsByCell(from: DebugSources): Map<string, number> {
  const slots = new Map<string, number>();
  for (const ring of from.rings.keys()) {
    const table = from.table(ring);
    if (table) for (const m of sharesOf(table).members) slots.set(m.cell, (slots.get(m.cell) ?? 0) + m.slots);
  }
  return slots;
}
