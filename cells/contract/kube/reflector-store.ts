/** The objects of a reflector and the resource version that they stand at. No I/O. */
import { type KubeObject, keyOf } from './objects.ts';

export class ReflectorStore<T extends KubeObject> {
  readonly objects = new Map<string, T>();
  readonly #onChange: (key: string, object: T | undefined) => void;
  #version = 0n;
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

  /** Events of one watch come in the order of their versions, so one that is not above ours is old or a repetition. */
  take(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void {
    const version = BigInt(object.metadata.resourceVersion);
    if (version <= this.#version) {
      this.staleEvents++;
      return;
    }
    this.#version = version;
    if (type === 'DELETED') this.#delete(keyOf(object));
    else this.#set(keyOf(object), object);
  }

  /** Nothing of this collection changed up to `resourceVersion`. */
  advance(resourceVersion: string): void {
    const version = BigInt(resourceVersion);
    if (version > this.#version) this.#version = version;
  }

  #set(key: string, object: T): void {
    this.objects.set(key, object);
    this.#onChange(key, object);
  }

  #delete(key: string): void {
    if (this.objects.delete(key)) this.#onChange(key, undefined);
  }
}
