/** The objects of a reflector and the resource version that they stand at. No I/O. */
import { type KubeObject, keyOf } from './objects.ts';

const MAX_DELETED = 10_000;

export class ReflectorStore<T extends KubeObject> {
  readonly objects = new Map<string, T>();
  readonly #onChange: (key: string, object: T | undefined) => void;
  #version = 0n;
  /** What the store says of every object is at least this new. */
  #floor = 0n;
  /** Versions of what was deleted above the floor, so that an old event does not bring it back. */
  readonly #deleted = new Map<string, bigint>();
  staleEvents = 0;

  constructor(onChange: (key: string, object: T | undefined) => void) {
    this.#onChange = onChange;
  }

  get resourceVersion(): string {
    return this.#version.toString();
  }

  /** A list is the truth, also when its version is lower than ours: the database was restored. Returns the differences. */
  replace(items: readonly T[], resourceVersion: string): number {
    this.#version = BigInt(resourceVersion);
    this.#floor = this.#version;
    this.#deleted.clear();
    let differences = 0;
    const seen = new Set<string>();
    for (const item of items) {
      const key = keyOf(item);
      seen.add(key);
      const { resourceVersion: version, uid } = this.objects.get(key)?.metadata ?? {};
      if (version === item.metadata.resourceVersion && uid === item.metadata.uid) continue;
      differences++;
      this.#set(key, item);
    }
    for (const key of [...this.objects.keys()]) {
      if (seen.has(key)) continue;
      differences++;
      this.#delete(key);
    }
    return differences;
  }

  /**
   * An event that is not above what is known of its object is old or a repetition. Only of its object: events of
   * different objects may have overtaken each other.
   */
  take(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void {
    const key = keyOf(object);
    const version = BigInt(object.metadata.resourceVersion);
    if (version <= this.#knownOf(key)) {
      this.staleEvents++;
      return;
    }
    this.advance(object.metadata.resourceVersion);
    if (type === 'DELETED') {
      this.#remember(key, version);
      this.#delete(key);
    } else this.#set(key, object);
  }

  /** Nothing of this collection changed up to `resourceVersion`. */
  advance(resourceVersion: string): void {
    const version = BigInt(resourceVersion);
    if (version > this.#version) this.#version = version;
  }

  #knownOf(key: string): bigint {
    const own = this.objects.get(key)?.metadata.resourceVersion ?? this.#deleted.get(key) ?? 0n;
    const version = BigInt(own);
    return version > this.#floor ? version : this.#floor;
  }

  /** When too many are remembered, everything up to now is taken for told. */
  #remember(key: string, version: bigint): void {
    if (this.#deleted.size >= MAX_DELETED) {
      this.#deleted.clear();
      this.#floor = this.#version;
    }
    this.#deleted.set(key, version);
  }

  #set(key: string, object: T): void {
    this.objects.set(key, object);
    this.#onChange(key, object);
  }

  #delete(key: string): void {
    if (this.objects.delete(key)) this.#onChange(key, undefined);
  }
}
