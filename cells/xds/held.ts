/** What a node has of one type, with one version over all of it. */
import { createHash } from 'node:crypto';

/** A resource as a node was sent it; without bytes when it has it from an earlier stream. */
export interface Held {
  version: string;
  bytes?: Uint8Array;
}

/** By name. */
export class HeldResources extends Map<string, Held> {
  #sum = 0n;

  /**
   * Equal for equal names and versions, on every replica and in whatever order they came; empty when there is none. A sum
   * of hashes, kept as resources come and go: it is asked for of all nodes again and again, and they may have thousands.
   */
  get version(): string {
    return this.size === 0 ? '' : this.#sum.toString(36);
  }

  override set(name: string, held: Held): this {
    this.#add(name, held, this.get(name));
    return super.set(name, held);
  }

  override delete(name: string): boolean {
    this.#add(name, undefined, this.get(name));
    return super.delete(name);
  }

  override clear(): void {
    this.#sum = 0n;
    super.clear();
  }

  #add(name: string, now: Held | undefined, before: Held | undefined): void {
    const change = (now ? hashOf(name, now) : 0n) - (before ? hashOf(name, before) : 0n);
    this.#sum = BigInt.asUintN(BITS, this.#sum + change);
  }
}

const BITS = 96;
/** A resource is sent to many nodes, always under its own name. */
const hashes = new WeakMap<Held, bigint>();

function hashOf(name: string, held: Held): bigint {
  let hash = hashes.get(held);
  if (hash === undefined) {
    const hex = createHash('sha256').update(`${name}\0${held.version}`).digest('hex');
    hash = BigInt(`0x${hex.slice(0, BITS / 4)}`);
    hashes.set(held, hash);
  }
  return hash;
}
