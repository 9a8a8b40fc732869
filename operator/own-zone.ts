/** The zone that this process runs in, as far as the Pods tell. Pure. */
import type { Pod } from '../cells/contract/kube/objects.ts';
import { LABELS } from '../crds/index.ts';

/** A Cell's Pod on the same node carries the zone's name: no permission to read Nodes is needed. */
export function ownZone(pods: ReadonlyMap<string, Pod>, podName: string): string | undefined {
  const all = [...pods.values()];
  const node = all.find((p) => p.metadata.name === podName)?.spec.nodeName;
  if (node === undefined) return undefined;
  return all.find((p) => p.spec.nodeName === node && p.metadata.labels?.[LABELS.zone])?.metadata.labels?.[LABELS.zone];
}
