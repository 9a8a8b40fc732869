/** The live figures under /debug/v1 that chatctl and the operator read: JSON, never in status. */
import type { Cell, ChannelRing } from '../../crds/index.ts';
import { ChatError } from '../contract/errors.ts';
import { idNumber } from '../contract/ids.ts';
import type { Pod } from '../contract/kube/index.ts';
import type { Heartbeat } from '../contract/ring-store.ts';
import type { RingTable } from '../contract/ring-table.ts';
import { SLOTS, slotOf } from '../contract/slot.ts';
import { combine, errorRate } from '../health/combine.ts';
import type { CellLoads, LoadHistory, OwnReport } from '../health/history.ts';
import { sharesOf } from '../ring/shares.ts';
import { weightInForce } from '../traffic/world.ts';
import type { NodeStatus } from '../xds/server.ts';
import { type Peers, unreachableEdges } from './peers.ts';
import type { Position } from './staleness.ts';

export interface DebugSources {
  cells: ReadonlyMap<string, Cell>;
  rings: ReadonlyMap<string, ChannelRing>;
  pods: ReadonlyMap<string, Pod>;
  nodes: () => NodeStatus[];
  position: () => Position;
  /** The nodes of all replicas; undefined when one does not answer. */
  allNodes: () => Promise<NodeStatus[] | undefined>;
  loads: Pick<LoadHistory, 'report' | 'cellLoads'>;
  peers: Pick<Peers, 'ask'>;
  /** Rows of processes that are alive. */
  alive: () => readonly Heartbeat[];
  table: (ring: string) => RingTable | undefined;
}

/** Answers a path of the admin port; undefined when it is none of these. Throws `not_found` and `invalid_arguments`. */
export function debugRoute(url: URL, from: DebugSources): Promise<unknown> | undefined {
  const answer = answerOf(url, from);
  return answer === undefined ? undefined : Promise.resolve(answer);
}

function answerOf(url: URL, from: DebugSources): unknown {
  const [, debug, version, what, ...rest] = url.pathname.split('/').map(decodeURIComponent);
  if (debug !== 'debug' || version !== 'v1') return undefined;
  if (what === 'nodes') return from.nodes();
  if (what === 'position') return from.position();
  if (what === 'cells') return cellFigures(from);
  if (what === 'health') return health(rest[0], from);
  if (what === 'rings' && rest.length === 0) return [...from.rings.keys()].map((ring) => ringFigures(ring, from));
  if (what === 'rings' && rest.length === 2) return ringFigures(rest.join('/'), from);
  if (what === 'where') return where(url.searchParams, from);
  return undefined;
}

/** `/debug/v1/health` is of all replicas; `own` and `cells` below it are what they ask one another for. */
function health(part: string | undefined, { loads, peers }: DebugSources): unknown {
  if (part === 'own') return loads.report();
  if (part === 'cells') return loads.cellLoads();
  return part === undefined
    ? peers.ask<OwnReport>('health/own').then((theirs) => combine(loads.report(), theirs))
    : undefined;
}

async function cellFigures(from: DebugSources): Promise<object[]> {
  const rows = from.alive();
  const slots = slotsByCell(from);
  const [nodes, theirs] = await Promise.all([from.allNodes(), from.peers.ask<CellLoads>('health/cells')]);
  const loads = [from.loads.cellLoads(), ...theirs];
  const unreachable = nodes && { unreachableEdges: unreachableEdges(from.pods.values(), nodes) };
  return [...from.cells.values()].map(({ metadata: { name, namespace }, spec, status }) => {
    const mine = rows.filter((r) => r.cell === name);
    const gateways = mine.filter((r) => r.role === 'gateway');
    const failed = errorRate(name, loads);
    return {
      cell: name,
      namespace,
      zone: spec.zone,
      weightInForce: weightInForce(spec, status),
      capacity: spec.capacity?.connections ?? 50_000,
      sockets: gateways.reduce((sum, r) => sum + r.load.sockets, 0),
      perSecond: mine.reduce((sum, r) => sum + r.load.perSecond, 0),
      slots: slots.get(name) ?? 0,
      members: mine.filter((r) => r.role === 'channel').length,
      gateways: gateways.length,
      api: mine.filter((r) => r.role === 'api').length,
      ...(failed !== undefined && { errorRate: failed }),
      // Every edge has a part in every cell's weight.
      ...unreachable,
    };
  });
}

function slotsByCell(from: DebugSources): Map<string, number> {
  const slots = new Map<string, number>();
  for (const ring of from.rings.keys()) {
    const table = from.table(ring);
    if (table) for (const m of sharesOf(table).members) slots.set(m.cell, (slots.get(m.cell) ?? 0) + m.slots);
  }
  return slots;
}

function ringFigures(ring: string, from: DebugSources): object {
  const table = from.table(ring);
  if (!from.rings.has(ring) && !table) throw notFound('ChannelRing', ring);
  if (!table) return { ring, epoch: 0, members: [], movesInFlight: 0, orphans: SLOTS, maxOverAverage: 0 };
  const rows = new Map(from.alive().map((r) => [r.incarnation, r]));
  const { members, ...figures } = sharesOf(table);
  return {
    ring,
    epoch: table.epoch,
    ...figures,
    maxOverAverage: Math.round(figures.maxOverAverage * 1000) / 1000,
    members: members.map((m) => {
      const row = rows.get(m.incarnation);
      return { ...m, state: row?.state ?? 'silent', claimed: row?.load.slots ?? 0, topics: row?.load.topics ?? 0 };
    }),
  };
}

function where(query: URLSearchParams, from: DebugSources): object {
  const topic = query.get('topic');
  const slot = topic === null ? slotNumber(query.get('slot')) : slotOfTopic(topic);
  const ring = query.get('ring') ?? onlyRing(from);
  const table = from.table(ring);
  if (!table) throw notFound('ChannelRing', ring);
  const at = (column: Uint16Array): object | null => {
    const m = table.members[column[slot]!];
    return m ? { incarnation: m.incarnation, pod: m.pod, cell: m.cell, zone: m.zone, address: m.address } : null;
  };
  return {
    ...(topic === null ? {} : { topic }),
    ring,
    slot,
    tableEpoch: table.epoch,
    epoch: table.slotEpoch[slot],
    cell: table.members[table.owner[slot]!]?.cell ?? null,
    owner: at(table.owner),
    standby: at(table.standby),
    target: at(table.target),
  };
}

function slotOfTopic(topic: string): number {
  if (idNumber(topic) === undefined)
    throw new ChatError('invalid_arguments', { argument: 'topic', problem: 'it is not an id' });
  return slotOf(topic);
}

function slotNumber(text: string | null): number {
  const slot = Number(text ?? Number.NaN);
  if (!Number.isInteger(slot) || slot < 0 || slot >= SLOTS)
    throw new ChatError('invalid_arguments', { argument: 'slot', problem: `it is not from 0 to ${SLOTS - 1}` });
  return slot;
}

function onlyRing({ rings }: DebugSources): string {
  const [ring, another] = rings.keys();
  if (ring === undefined || another !== undefined)
    throw new ChatError('invalid_arguments', { argument: 'ring', problem: 'name it as <namespace>/<name>' });
  return ring;
}

function notFound(kind: string, key: string): ChatError {
  const [namespace, name] = key.split('/');
  return new ChatError('not_found', { kind, name, namespace });
}
