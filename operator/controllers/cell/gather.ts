/** Reads what the decision about one Cell needs. */

import type { Pod } from '../../../cells/contract/kube/objects.ts';
import { podReady } from '../../../cells/contract/kube/objects.ts';
import type { Cell, ChannelRing } from '../../../crds/index.ts';
import { LABELS } from '../../../crds/index.ts';
import type { EdgeUrl, OperatorConfig } from '../../config.ts';
import type { CellFigures } from '../../live-figures.ts';
import type { World } from '../../world.ts';

export interface ObservedCell {
  cell: Cell;
  /** The ring that lists the cell, or the one that still has slots here. */
  ring: ChannelRing | undefined;
  /** Names of the rings whose spec lists the cell. */
  listedBy: string[];
  /** Slots of the cell by the rings' status; undefined while no ring has a status. */
  slots: number | undefined;
  pods: Pod[];
  edgeUrls: EdgeUrl[];
  /** Cells of the namespace beside this one that are not being deleted. */
  otherCells: number;
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
  const listing = rings.filter((r) => r.spec.cells.includes(name) && r.metadata.deletionTimestamp === undefined);
  const slotsIn = (ring: ChannelRing): number =>
    (ring.status?.members ?? []).filter((m) => m.cell === name).reduce((sum, m) => sum + (m.slots ?? 0), 0);
  const known = rings.filter((r) => r.status?.members !== undefined);
  return {
    cell,
    ring: listing[0] ?? rings.find((r) => slotsIn(r) > 0),
    listedBy: listing.map((r) => r.metadata.name),
    slots: known.length === 0 ? undefined : known.reduce((sum, r) => sum + slotsIn(r), 0),
    pods: podsOf(world, cell),
    edgeUrls: config.edgeUrls.length > 0 ? config.edgeUrls : edgeUrls(world, namespace),
    otherCells: [...world.cells.values()].filter((c) => c !== cell && c.metadata.deletionTimestamp === undefined)
      .length,
    figures: cell.metadata.deletionTimestamp === undefined ? undefined : await figuresOf(name),
  };
}

const podsOf = (world: World, cell: Cell): Pod[] =>
  [...world.pods.values()].filter(
    (p) => p.metadata.labels?.[LABELS.cell] === cell.metadata.name && p.metadata.namespace === cell.metadata.namespace,
  );

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
