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

/** By name, in the names' order. Equal ones are the same map as far as those who make them can tell: see `resources`. */
export type Resources = ReadonlyMap<string, Resource>;

export interface Snapshot {
  /** Of names and versions: equal on every replica for equal content. */
  version: string;
  types: Pick<ReadonlyMap<string, Resources>, 'get'>;
}

/** One that can be gone through. */
export interface WholeSnapshot extends Snapshot {
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

/** Of `resources`, which are never changed: made once, for all snapshots that hold them. */
const versions = new WeakMap<Resources, string>();

/** `last` itself when nothing has changed, by which sessions see at once that there is nothing to compare. */
export function resources(list: Iterable<Resource>, last?: Resources): Resources {
  const sorted = [...list].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (last?.size === sorted.length && sorted.every((r) => last.get(r.name)?.version === r.version)) return last;
  const made = new Map(sorted.map((r) => [r.name, r]));
  versions.set(made, versionOf(made));
  return made;
}

export function snapshotOf(types: Readonly<Record<string, Resources>>): WholeSnapshot {
  const sorted = Object.entries(types).sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = sorted.flatMap(([type, held]) => [type, versions.get(held) ?? versionOf(held)]);
  return { version: hash(parts.join('\0')), types: new Map(sorted) };
}

/** From lists; a type that is as in `last` keeps its very map. */
export const snapshot = (lists: Readonly<Record<string, Iterable<Resource>>>, last?: Snapshot): WholeSnapshot =>
  snapshotOf(
    Object.fromEntries(Object.entries(lists).map(([type, list]) => [type, resources(list, last?.types.get(type))])),
  );

/** One version for several resources of a type: equal for equal names and versions. Empty when there is none. */
export const versionOf = (held: ReadonlyMap<string, { version: string }>): string => {
  const sorted = [...held].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.length === 0 ? '' : hash(sorted.flatMap(([name, r]) => [name, r.version]).join('\0'));
};

/** The snapshot with one type more; cheap, since every edge gets one at every change. */
export const withType = ({ version, types }: Snapshot, type: string, held: Resources): Snapshot => ({
  version: `${version}.${versions.get(held) ?? versionOf(held)}`,
  types: { get: (asked) => (asked === type ? held : types.get(asked)) },
});

export const EMPTY_SNAPSHOT = snapshot({});

/** Throws `snapshot_inconsistent` when a resource needs one that the snapshot does not hold. */
export function assertConsistent(s: WholeSnapshot): void {
  for (const [type, resources] of s.types)
    for (const r of resources.values())
      for (const need of r.needs)
        if (!s.types.get(need.type)?.has(need.name))
          throw new ChatError('snapshot_inconsistent', {
            missing: `${need.type} ${need.name}`,
            neededBy: `${type} ${r.name}`,
          });
}
