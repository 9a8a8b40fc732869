/** Reads what the decision about one Cell needs. */

import type { Deployment, Pod } from '../../../cells/contract/kube/objects.ts';
import { keyOf, podReady } from '../../../cells/contract/kube/objects.ts';
import type { Cell, ChannelRing } from '../../../crds/index.ts';
import { LABELS } from '../../../crds/index.ts';
import type { EdgeUrl, OperatorConfig } from '../../config.ts';
import type { CellFigures } from '../../live-figures.ts';
import type { World } from '../../world.ts';
import { COMPONENTS, workloadName } from './names.ts';
import type { CellWorkloads } from './rollout.ts';

export interface ObservedCell extends CellWorkloads {
  /** Names of the rings whose spec lists the cell. */
  listedBy: string[];
  /** Slots of the cell by the rings' status; undefined while no ring has a status. */
  slots: number | undefined;
  edgeUrls: EdgeUrl[];
  /** Cells of the namespace beside this one that are not being deleted. */
  otherCells: number;
  /** The other Cells of the namespace. Read only while a rollout is due. */
  others: Iterable<CellWorkloads>;
  /** Live figures, asked for only when the cell is being deleted; undefined when no control plane answered. */
  figures: CellFigures | undefined;
}

export async function gatherCell(
  world: World,
  key: string,
  figuresOf: (cell: string) => Promise<CellFigures | undefined>,
  config: OperatorConfig,
): Promise<ObservedCell | undefined> {
  const cell = world.cells.get(key);
  if (!cell) return undefined;
  const { name, namespace } = cell.metadata;
  const rings = [...world.rings.values()].filter((r) => r.metadata.namespace === namespace);
  rings.sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
  const known = rings.filter((r) => r.status?.members !== undefined);
  const ownPods = [...world.pods.values()].filter((pod) => cellKeyOf(pod) === key);
  const others = [...world.cells.values()].filter((c) => c !== cell && c.metadata.namespace === namespace);
  return {
    ...workloadsIn(world, rings, cell, ownPods),
    listedBy: rings.filter((r) => lists(r, name)).map((r) => r.metadata.name),
    slots: known.length === 0 ? undefined : known.reduce((sum, r) => sum + slotsIn(r, name), 0),
    edgeUrls: config.edgeUrls.length > 0 ? config.edgeUrls : edgeUrls(world, namespace),
    otherCells: others.filter((c) => c.metadata.deletionTimestamp === undefined).length,
    others: allWorkloads(world, rings, others),
    figures: cell.metadata.deletionTimestamp === undefined ? undefined : await figuresOf(name),
  };
}

const lists = (ring: ChannelRing, cell: string): boolean =>
  ring.spec.cells.includes(cell) && ring.metadata.deletionTimestamp === undefined;

const slotsIn = (ring: ChannelRing, cell: string): number =>
  (ring.status?.members ?? []).filter((m) => m.cell === cell).reduce((sum, m) => sum + (m.slots ?? 0), 0);

function* allWorkloads(
  world: World,
  rings: readonly ChannelRing[],
  cells: readonly Cell[],
): Generator<CellWorkloads, void> {
  const pods = Map.groupBy(world.pods.values(), cellKeyOf);
  for (const cell of cells) yield workloadsIn(world, rings, cell, pods.get(keyOf(cell)) ?? []);
}

function workloadsIn(world: World, rings: readonly ChannelRing[], cell: Cell, pods: readonly Pod[]): CellWorkloads {
  const { name, namespace } = cell.metadata;
  const live = COMPONENTS.flatMap((component) => {
    const deployment = world.owned('Deployment').get(`${namespace}/${workloadName(cell, component)}`);
    return deployment ? [deployment as Deployment] : [];
  });
  return {
    cell,
    ring: rings.find((r) => lists(r, name)) ?? rings.find((r) => slotsIn(r, name) > 0),
    deployments: new Map(live.map((d) => [d.metadata.name, d])),
    pods,
  };
}

/** Key of the Cell that a Pod belongs to. */
const cellKeyOf = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.labels?.[LABELS.cell]}`;

/** Edges on their nodes' own addresses are reached there. Others are behind a Service whose address we are told. */
function edgeUrls(world: World, namespace: string): EdgeUrl[] {
  const urls = new Map<string, EdgeUrl>();
  for (const pod of world.pods.values()) {
    const { labels = {}, namespace: podNamespace } = pod.metadata;
    if (podNamespace !== namespace || labels[LABELS.component] !== 'edge' || !pod.spec.hostNetwork) continue;
    const port = pod.spec.containers[0]?.ports?.find((p) => p.name === 'http')?.containerPort;
    if (!podReady(pod) || !pod.status?.hostIP || port === undefined) continue;
    const url = `http://${pod.status.hostIP}:${port}`;
    urls.set(url, { zone: labels[LABELS.zone] ?? '', url });
  }
  return [...urls.values()].sort((a, b) => a.url.localeCompare(b.url));
}
