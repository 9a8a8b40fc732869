/** Objects as last read or written, whichever is newer: what a controller decides next must see what it wrote last. */
import type { KubeObject } from '../../cells/contract/kube/objects.ts';

export class Newest<T extends KubeObject> {
  readonly #store: ReadonlyMap<string, T>;
  readonly #written = new Map<string, T>();

  constructor(store: ReadonlyMap<string, T>) {
    this.#store = store;
  }

  wrote(key: string, object: T): void {
    this.#written.set(key, object);
  }

  get(key: string): T | undefined {
    const read = this.#store.get(key);
    const written = this.#written.get(key);
    if (!read || written?.metadata.uid !== read.metadata.uid || isNewer(read, written)) {
      this.#written.delete(key);
      return read;
    }
    return written;
  }

  all(): T[] {
    return [...this.#store.keys()].map((key) => this.get(key)).filter((object) => object !== undefined);
  }
}

const isNewer = (a: KubeObject, b: KubeObject): boolean =>
  BigInt(a.metadata.resourceVersion ?? 0) >= BigInt(b.metadata.resourceVersion ?? 0);
