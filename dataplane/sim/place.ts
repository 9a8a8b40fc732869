/** A place for a process of a role, which may be up or down: what a pod of a Deployment is to its containers. */
import type { SimProcess } from './process.ts';

export type NodeRole = 'channel' | 'gateway' | 'api';

export class Place<N extends { process: SimProcess } = { process: SimProcess }> {
  readonly name: string;
  readonly zone: string;
  /** Its process is ending by plan. */
  leaving = false;
  running: N | undefined;
  readonly #begin: (incarnation: string, zone: string) => N | Promise<N>;
  #starts = 0;
  #starting = false;

  constructor(at: { name: string; zone: string }, begin: (incarnation: string, zone: string) => N | Promise<N>) {
    this.name = at.name;
    this.zone = at.zone;
    this.#begin = begin;
  }

  /** Idempotent. */
  async start(): Promise<void> {
    if (this.running !== undefined || this.#starting) return;
    this.#starting = true;
    this.running = await this.#begin(`${this.name}.${this.#starts++}`, this.zone);
    this.#starting = false;
    this.leaving = false;
  }
}
