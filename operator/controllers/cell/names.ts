/** Names, labels and ports of what a Cell is made of. */

import type { OwnerReference } from '../../../cells/contract/kube/objects.ts';
import { API_GROUP, API_VERSION, type Cell, LABELS } from '../../../crds/index.ts';
import { MANAGED_BY } from '../../world.ts';

export const COMPONENTS = ['gateway', 'channel', 'api', 'edge'] as const;
export type Component = (typeof COMPONENTS)[number];

export const PORTS = { gateway: 8080, channel: 7000, api: 8080, admin: 9090, envoyAdmin: 9901 } as const;

export const workloadName = (cell: Cell, component: Component): string => `${cell.metadata.name}-${component}`;
export const serviceAccountName = (cell: Cell): string => `${cell.metadata.name}-dataplane`;
export const edgeUrlsName = (cell: Cell): string => `${cell.metadata.name}-edge-urls`;

/** What a Pod is found by: may never change, since selectors are immutable. */
export const selector = (cell: Cell, component: Component): Record<string, string> => ({
  [LABELS.name]: 'chatcells',
  [LABELS.component]: component,
  [LABELS.cell]: cell.metadata.name,
});

export const labels = (cell: Cell, component?: Component): Record<string, string> => ({
  [LABELS.name]: 'chatcells',
  ...(component ? { [LABELS.component]: component } : {}),
  [LABELS.managedBy]: MANAGED_BY,
  [LABELS.cell]: cell.metadata.name,
  [LABELS.zone]: cell.spec.zone,
  [LABELS.region]: cell.spec.region,
});

export const ownerOf = (object: { kind: string; metadata: { name: string; uid: string } }): OwnerReference => ({
  apiVersion: `${API_GROUP}/${API_VERSION}`,
  kind: object.kind,
  name: object.metadata.name,
  uid: object.metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
});

/** metadata of an object that the Cell owns. */
export const ownedMeta = (
  cell: Cell,
  name: string,
  component?: Component,
): { name: string; namespace: string } & Record<string, unknown> => ({
  name,
  namespace: cell.metadata.namespace,
  labels: labels(cell, component),
  ownerReferences: [ownerOf(cell)],
});

/** Replicas that the Cell asks for. */
export function replicasOf(cell: Cell, component: Component): number {
  const part = {
    gateway: cell.spec.gateways,
    channel: cell.spec.channelServers,
    api: cell.spec.api,
    edge: cell.spec.edge,
  };
  return part[component]?.replicas ?? 1;
}
