/** The kinds as chatctl names, reads and shows them. */
import { ChatError } from '../cells/contract/errors.ts';
import { collectionPath, type KubeClient, type ObjectRef, refusedStatus } from '../cells/contract/kube/client.ts';
import {
  API_GROUP,
  API_VERSION,
  type Cell,
  type ChannelRing,
  type Condition,
  type Kind,
  type PracticeDrain,
  type Workspace,
} from '../crds/index.ts';
import { formatAge } from './durations.ts';
import type { Column } from './table.ts';

export type AnyResource = Cell | ChannelRing | PracticeDrain | Workspace;
const GROUP_VERSION = `${API_GROUP}/${API_VERSION}`;

const ALIASES: Readonly<Record<string, Kind>> = {
  cell: 'Cell',
  cells: 'Cell',
  ring: 'ChannelRing',
  rings: 'ChannelRing',
  channelring: 'ChannelRing',
  channelrings: 'ChannelRing',
  workspace: 'Workspace',
  workspaces: 'Workspace',
  ws: 'Workspace',
  practice: 'PracticeDrain',
  practicedrain: 'PracticeDrain',
  practicedrains: 'PracticeDrain',
  pd: 'PracticeDrain',
};

export function kindOfName(name: string): Kind {
  const kind = Object.hasOwn(ALIASES, name.toLowerCase()) ? ALIASES[name.toLowerCase()] : undefined;
  if (kind === undefined)
    throw new ChatError('usage', {
      problem: `There is no kind ${name}: use cells, rings, workspaces or practicedrains.`,
    });
  return kind;
}

export const refTo = (kind: Kind, namespace: string, name: string): ObjectRef => ({
  apiVersion: GROUP_VERSION,
  kind,
  namespace,
  name,
});

export async function getResource<T extends AnyResource>(
  kube: KubeClient,
  kind: Kind,
  namespace: string,
  name: string,
): Promise<T> {
  const object = await kube.get<T>(refTo(kind, namespace, name));
  if (object === undefined) throw new ChatError('not_found', { kind, name, namespace });
  return object;
}

/** By name. */
export async function listResources<T extends AnyResource>(
  kube: KubeClient,
  kind: Kind,
  namespace: string,
): Promise<T[]> {
  const items = await kube.list<T>(collectionPath(GROUP_VERSION, kind, namespace)).catch((e: unknown) => {
    // A list is never "not found" but where the kind itself is.
    throw refusedStatus(e) === 404 ? new ChatError('not_installed', { kind }, e) : e;
  });
  // Items of a list come without kind and apiVersion.
  return items
    .map((item) => ({ ...item, apiVersion: GROUP_VERSION, kind }))
    .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
}

/** The ring of that name, or the only one that there is. */
export async function ringNamed(kube: KubeClient, namespace: string, name: string | undefined): Promise<ChannelRing> {
  if (name !== undefined) return getResource<ChannelRing>(kube, 'ChannelRing', namespace, name);
  const rings = await listResources<ChannelRing>(kube, 'ChannelRing', namespace);
  if (rings.length === 1) return rings[0]!;
  const names = rings.map((r) => r.metadata.name).join(', ');
  throw new ChatError('usage', {
    problem:
      rings.length === 0
        ? `There is no ring in namespace ${namespace}.`
        : `There are ${rings.length} rings: name one of ${names}.`,
  });
}

export const conditionOf = (object: AnyResource, type: string): Condition | undefined =>
  (object.status?.conditions as Condition[] | undefined)?.find((c) => c.type === type);

/** The condition that says that all is well. */
const HEALTH: Record<Kind, string> = {
  Cell: 'Ready',
  ChannelRing: 'Converged',
  Workspace: 'Ready',
  PracticeDrain: 'Ready',
};

export interface Health {
  ready: boolean;
  /** What it waits for; empty when ready. */
  why: string;
}

export function healthOf(object: AnyResource): Health {
  const condition = conditionOf(object, HEALTH[object.kind]);
  if (condition === undefined) return { ready: false, why: 'the operator has not looked at it yet' };
  if ((condition.observedGeneration ?? object.metadata.generation) < object.metadata.generation)
    return { ready: false, why: 'the operator has not seen the last change yet' };
  const refused = conditionOf(object, 'ConfigurationRefused');
  if (refused?.status === 'True') return { ready: false, why: `ConfigurationRefused: ${refused.message}` };
  if (condition.status !== 'True') return { ready: false, why: `${condition.reason}: ${condition.message}` };
  // Ready, and less than was asked for: what the alert says, the first look has to say.
  const degraded = conditionOf(object, 'Degraded');
  if (degraded?.status === 'True') return { ready: false, why: `${degraded.reason}: ${degraded.message}` };
  return { ready: true, why: '' };
}

const readyColumn: Column<AnyResource> = { title: 'READY', value: (o) => conditionOf(o, HEALTH[o.kind])?.status };
const nameColumn: Column<AnyResource> = { title: 'NAME', value: (o) => o.metadata.name };
const reasonColumn: Column<AnyResource> = { title: 'REASON', value: (o) => conditionOf(o, HEALTH[o.kind])?.reason };

/** Columns of `get`, by kind. */
export function columnsOf(kind: Kind, nowMs: number): Column<AnyResource>[] {
  const age: Column<AnyResource> = { title: 'AGE', value: (o) => formatAge(o.metadata.creationTimestamp, nowMs) };
  const own = { Cell: CELL, ChannelRing: RING, PracticeDrain: PRACTICE, Workspace: WORKSPACE }[kind];
  return [nameColumn, readyColumn, ...(own as Column<AnyResource>[]), reasonColumn, age];
}

const CELL: Column<Cell>[] = [
  { title: 'ZONE', value: (c) => c.spec.zone },
  { title: 'WEIGHT', value: (c) => c.status?.weight },
  { title: 'SLOTS', value: (c) => c.status?.slots },
  { title: 'DRAIN', value: (c) => c.status?.drain?.phase },
  { title: 'BLOCKER', value: (c) => c.status?.drain?.blocker, wide: true },
  { title: 'DEADLINE', value: (c) => c.status?.drain?.deadline, wide: true },
  { title: 'RING', value: (c) => c.status?.ring, wide: true },
  { title: 'REGION', value: (c) => c.spec.region, wide: true },
  { title: 'WHY', value: (c) => c.spec.drain?.reason, wide: true },
];
const RING: Column<ChannelRing>[] = [
  { title: 'CELLS', value: (r) => r.spec.cells.length },
  { title: 'MEMBERS', value: (r) => r.status?.memberCount },
  { title: 'EPOCH', value: (r) => r.status?.epoch },
  { title: 'MOVES', value: (r) => r.status?.movesInFlight },
  { title: 'MAX/AVG', value: (r) => r.status?.maxOverAverage, wide: true },
];
const PRACTICE: Column<PracticeDrain>[] = [
  { title: 'CELLS', value: (p) => p.spec.cells.join() },
  { title: 'SCHEDULE', value: (p) => p.spec.schedule },
  { title: 'PHASE', value: (p) => p.status?.phase },
  { title: 'RUN', value: (p) => p.status?.run?.cell },
  { title: 'LAST', value: (p) => lastOf(p) },
  { title: 'NEXT', value: (p) => p.status?.nextRunAt },
  { title: 'HYPOTHESIS', value: (p) => p.spec.hypothesis, wide: true },
];
/** `Aborted: ErrorBudget` */
function lastOf({ status }: PracticeDrain): string | undefined {
  const last = status?.lastRun;
  return last && (last.outcome === 'Succeeded' ? last.outcome : `${last.outcome}: ${last.reason}`);
}
const WORKSPACE: Column<Workspace>[] = [
  { title: 'ID', value: (w) => w.status?.workspaceId },
  { title: 'RING', value: (w) => w.spec.ring },
  { title: 'SUSPENDED', value: (w) => (w.spec.suspended ? 'true' : 'false') },
  { title: 'SHARD', value: (w) => w.status?.placement?.shard, wide: true },
  { title: 'DISPLAY NAME', value: (w) => w.spec.displayName, wide: true },
];
