/** What a suite opened, closed at its end whether its tests did or not: every close of ours is idempotent. */
export interface Closable {
  close(): Promise<void>;
}

export class Closing {
  readonly #all: Closable[] = [];

  add<T extends Closable>(resource: T): T {
    this.#all.push(resource);
    return resource;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#all.map((r) => r.close()));
  }
}
