/** What one node is to have: resources by type and name, each with the hash of its content as version. Pure. */
import { createHash } from 'node:crypto';
import { ChatError } from '../contract/errors.ts';

export interface ResourceRef {
  type: string;
  name: string;
}

export interface Resource {
  name: string;
  version: string;
  bytes: Uint8Array;
  /** Resources that the node must have before this one is of use: a route's clusters, a cluster's endpoints. */
  needs: readonly ResourceRef[];
}

export type Resources = ReadonlyMap<string, Resource>;

export interface Snapshot {
  /** Of names and versions: equal on every replica for equal content. */
  version: string;
  types: ReadonlyMap<string, Resources>;
}

const hash = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('base64url').slice(0, 16);

export const resource = (name: string, bytes: Uint8Array, needs: readonly ResourceRef[] = []): Resource => ({
  name,
  version: hash(bytes),
  bytes,
  needs,
});

/**
 * A resource with an epoch or generation in it, which says when a replica first saw its content and so differs between
 * replicas: the version is the hash of `content`, the bytes without it.
 */
export const datedResource = (name: string, bytes: Uint8Array, content: Uint8Array): Resource => ({
  ...resource(name, bytes),
  version: hash(content),
});

/** A type that is as in `last` keeps its very map, by which sessions see at once that nothing of it has changed. */
export function snapshot(types: Readonly<Record<string, readonly Resource[]>>, last?: Snapshot): Snapshot {
  const maps = new Map<string, Resources>();
  const parts: string[] = [];
  for (const type of Object.keys(types).sort()) {
    const sorted = [...types[type]!].sort((a, b) => (a.name < b.name ? -1 : 1));
    const before = last?.types.get(type);
    const same = before?.size === sorted.length && sorted.every((r) => before.get(r.name)?.version === r.version);
    maps.set(type, same ? before : new Map(sorted.map((r) => [r.name, r])));
    parts.push(type, ...sorted.flatMap((r) => [r.name, r.version]));
  }
  return { version: hash(parts.join('\0')), types: maps };
}

/** One version for several resources of a type: equal for equal names and versions. Empty when there is none. */
export const versionOf = (held: ReadonlyMap<string, { version: string }>): string => {
  const sorted = [...held].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.length === 0 ? '' : hash(sorted.flatMap(([name, r]) => [name, r.version]).join('\0'));
};

/** The snapshot with one resource of a type of its own more. */
export const withResource = (s: Snapshot, type: string, r: Resource): Snapshot => ({
  version: `${s.version}.${r.version}`,
  types: new Map([...s.types, [type, new Map([[r.name, r]])]]),
});

export const EMPTY_SNAPSHOT = snapshot({});

/** Throws `snapshot_inconsistent` when a resource needs one that the snapshot does not hold. */
export function assertConsistent(s: Snapshot): void {
  for (const [type, resources] of s.types)
    for (const r of resources.values())
      for (const need of r.needs)
        if (!s.types.get(need.type)?.has(need.name))
          throw new ChatError('snapshot_inconsistent', {
            missing: `${need.type} ${need.name}`,
            neededBy: `${type} ${r.name}`,
          });
}
