/**
 * Which Cell may replace its Pods: one at a time, in the order of their names. An upgrade changes the Pods of every Cell,
 * and one that does not come up must not take the others with it. Pure.
 */

import type { Manifest } from '../../../cells/contract/kube/client.ts';
import { type Deployment, type Pod, podReady } from '../../../cells/contract/kube/objects.ts';
import { ANNOTATIONS, type Cell, type ChannelRing, LABELS } from '../../../crds/index.ts';
import { holds } from '../../runtime/owned.ts';

/** A Cell and what it runs. */
export interface CellWorkloads {
  cell: Cell;
  /** The ring that lists the cell, or the one that still has slots here. */
  ring: ChannelRing | undefined;
  /** By name. */
  deployments: ReadonlyMap<string, Deployment>;
  pods: readonly Pod[];
}

/** What another Cell is to consist of. Asked for only while a rollout is due: it is dear to make for every Cell. */
export type WantedOf = (cell: CellWorkloads) => readonly Manifest[];

/** The Cell that `own` waits for before its Pods are replaced; undefined when none are to be, or it may begin. */
export function rolloutWaitsFor(
  own: CellWorkloads & { wanted: readonly Manifest[] },
  others: Iterable<CellWorkloads>,
  wantedOf: WantedOf,
): Cell | undefined {
  if (!serves(own.cell) || !pending(own, own.wanted)) return undefined;
  const serving = [...others].filter((other) => serves(other.cell));
  const comesFirst = (other: CellWorkloads): boolean =>
    other.cell.metadata.name < own.cell.metadata.name && pending(other, wantedOf(other));
  // The dearest question last: of hundreds of Cells that wait, nearly all have their answer in the first.
  return (serving.find(rolling) ?? serving.find(waitsForSlots) ?? serving.find(comesFirst))?.cell;
}

/** The Deployments with their rollout held back: scaling goes on, no Pod is replaced. */
export const held = (manifest: Manifest): Manifest =>
  manifest.kind === 'Deployment' ? { ...manifest, spec: { ...(manifest.spec as object), paused: true } } : manifest;

/** A Cell without users, or one that is not ours to change, neither waits nor is waited for. */
const serves = ({ metadata, status }: Cell): boolean =>
  (status?.weight ?? 0) > 0 &&
  metadata.deletionTimestamp === undefined &&
  metadata.annotations?.[ANNOTATIONS.reconcile] !== 'disabled';

/** Whether Pods that run are not the wanted ones, and their replacement has not begun. */
const pending = ({ deployments }: CellWorkloads, wanted: readonly Manifest[]): boolean =>
  wanted.some((manifest) => {
    const live = manifest.kind === 'Deployment' ? deployments.get(manifest.metadata.name) : undefined;
    if (!live) return false;
    return live.spec.paused === true || !holds(live.spec.template, (manifest.spec as Deployment['spec']).template);
  });

/** Whether Pods are being replaced; also when they fail to come up. */
const rolling = ({ deployments }: CellWorkloads): boolean =>
  [...deployments.values()].some(({ metadata, spec, status }) => {
    if (spec.paused) return false;
    const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status ?? {};
    if (observedGeneration < (metadata.generation ?? 0)) return true;
    return updatedReplicas < (spec.replicas ?? 1) || replicas > updatedReplicas || availableReplicas < updatedReplicas;
  });

/**
 * Whether its channel servers have their part of the ring yet: a Cell that has new ones does not serve before, and the
 * next Cell's slots would be moved to servers that still get theirs.
 */
function waitsForSlots({ ring, pods }: CellWorkloads): boolean {
  if (!ring || ring.spec.handoff?.paused) return false;
  const slots = new Map(ring.status?.members?.map((m) => [m.pod, m.slots ?? 0]));
  const servers = pods.filter((p) => p.metadata.labels?.[LABELS.component] === 'channel' && podReady(p));
  return (ring.status?.movesInFlight ?? 0) > 0 || servers.some((p) => !slots.get(p.metadata.name));
}
