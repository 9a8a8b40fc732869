/** Loopback addresses for the Pods of one node: `<first three octets>.2` to `.254`, the least recently used next. */

export class Addresses {
  readonly #prefix: string;
  readonly #holders = new Map<string, string>();
  #next = 2;

  /** `nodeIp` is the node's own address, whose /24 the Pods share. */
  constructor(nodeIp: string) {
    this.#prefix = nodeIp.slice(0, nodeIp.lastIndexOf('.') + 1);
  }

  /** The address of a Pod: the one it has or had (`wanted`) when that is free, else a fresh one. Throws when full. */
  take(uid: string, wanted?: string): string {
    const held = [...this.#holders].find(([, holder]) => holder === uid)?.[0];
    if (held) return held;
    if (wanted?.startsWith(this.#prefix) && !this.#holders.has(wanted)) return this.#give(wanted, uid);
    for (let tries = 0; tries < 253; tries++) {
      const address = `${this.#prefix}${this.#next}`;
      this.#next = this.#next === 254 ? 2 : this.#next + 1;
      if (!this.#holders.has(address)) return this.#give(address, uid);
    }
    throw new Error(`no free address in ${this.#prefix}0/24`);
  }

  release(uid: string): void {
    for (const [address, holder] of this.#holders) if (holder === uid) this.#holders.delete(address);
  }

  #give(address: string, uid: string): string {
    this.#holders.set(address, uid);
    return address;
  }
}
