/** Objects that a controller makes: whether the live one is as wanted, and applying what is not. */
import { createHash } from 'node:crypto';
import type { KubeClient, Manifest } from '../../cells/contract/kube/client.ts';
import { type KubeObject, keyOf } from '../../cells/contract/kube/objects.ts';
import { sameQuantity } from './quantity.ts';

const HASH = 'chatcells.dev/applied-hash';

/** Marks the manifest with the hash of itself, by which a field that is no longer wanted is noticed. */
export function withHash(manifest: Manifest): Manifest {
  const hash = createHash('sha256').update(JSON.stringify(manifest)).digest('hex').slice(0, 16);
  const { annotations = {} } = manifest.metadata as { annotations?: Record<string, string> };
  return { ...manifest, metadata: { ...manifest.metadata, annotations: { ...annotations, [HASH]: hash } } };
}

/**
 * True when `live` holds every field of `wanted`; what the server or others added beside them does not matter. What is
 * said of a container's resources is the same when it is worth the same.
 */
export function holds(live: unknown, wanted: unknown, same: (a: unknown, b: unknown) => boolean = equal): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(live) && live.length === wanted.length && wanted.every((item, i) => holds(live[i], item, same))
    );
  }
  if (typeof wanted !== 'object' || wanted === null) return same(live, wanted);
  if (typeof live !== 'object' || live === null) return isEmpty(wanted);
  return Object.entries(wanted).every(
    ([key, value]) =>
      value === undefined ||
      holds((live as Record<string, unknown>)[key], value, key === 'resources' ? sameQuantity : same),
  );
}

const equal = (a: unknown, b: unknown): boolean => a === b;

/** The server drops empty objects of some fields, such as `resources: {}`. */
const isEmpty = (value: object): boolean => !Array.isArray(value) && Object.keys(value).length === 0;

export const needsApply = (live: KubeObject | undefined, wanted: Manifest): boolean =>
  live === undefined || live.metadata.deletionTimestamp !== undefined || !holds(live, wanted);

/** Live objects of one kind, those of this controller's making among others. */
export type LiveLookup = (kind: Manifest['kind']) => ReadonlyMap<string, KubeObject>;

export interface Changes {
  applied: Manifest[];
  deleted: KubeObject[];
}

/**
 * Applies what differs, in the order given, and deletes what `owner` made before and no longer wants. Writes nothing
 * when all is as wanted.
 */
export async function applyOwned(options: {
  client: KubeClient;
  live: LiveLookup;
  ownerUid: string;
  namespace: string;
  wanted: readonly Manifest[];
  /** Kinds that are searched for what is no longer wanted, with their apiVersion. */
  kinds: readonly (readonly [apiVersion: string, kind: Manifest['kind']])[];
  fieldManager: string;
}): Promise<Changes> {
  const { client, live, ownerUid, namespace, fieldManager } = options;
  const changes: Changes = { applied: [], deleted: [] };
  const kept = new Set<string>();
  for (const wanted of options.wanted.map(withHash)) {
    const key = `${namespace}/${wanted.metadata.name}`;
    kept.add(`${wanted.kind} ${key}`);
    if (!needsApply(live(wanted.kind).get(key), wanted)) continue;
    await client.apply(wanted, { fieldManager });
    changes.applied.push(wanted);
  }
  for (const [apiVersion, kind] of options.kinds) {
    for (const object of live(kind).values()) {
      if (kept.has(`${kind} ${keyOf(object)}`) || !ownedBy(object, ownerUid)) continue;
      if (object.metadata.deletionTimestamp !== undefined) continue;
      const { name, uid } = object.metadata;
      await client.delete({ apiVersion, kind, namespace, name }, { uid });
      changes.deleted.push(object);
    }
  }
  return changes;
}

export const ownedBy = (object: KubeObject, uid: string): boolean =>
  (object.metadata.ownerReferences ?? []).some((owner) => owner.uid === uid);
