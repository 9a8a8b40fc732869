/**
 * What the control plane does to a dataplane: ring rounds, and pushes of tables, drain orders and weights to whoever can
 * hear. Outside of every process, so nothing of it is under test; a replica a zone, each with the store's state.
 */
import type { DrainOrder } from '../../cells/contract/control.ts';
import type { Member, RingTable } from '../../cells/contract/ring-table.ts';
import type { SimControl } from './control.ts';
import type { SimEdges } from './edges.ts';
import { RING } from './nodes.ts';
import type { SimProcess } from './process.ts';
import type { StandInRingManager } from './ring-manager.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimStore } from './store.ts';

const ROUND_MS = 250;

export interface ControlPlaneOptions {
  scheduler: Scheduler;
  random: SeededRandom;
  store: SimStore;
  manager: StandInRingManager;
  edges: SimEdges;
  zones: readonly string[];
  live(): readonly Member[];
  /** Gateways and API servers that run. */
  listeners(): readonly { process: SimProcess; control: SimControl }[];
}

export class ControlPlane {
  readonly #o: ControlPlaneOptions;
  /** Zones whose channel servers are to own nothing. */
  readonly drained = new Set<string>();
  /** No replica runs: nothing is decided and nothing is told. */
  down = false;
  /** Zones whose replica cannot be heard. */
  readonly mute = new Set<string>();
  /** For the next round: the share of slots to move. */
  moveShare = 0;
  readonly #orders = new Map<string, DrainOrder>();
  readonly #weights = new Map<string, number>();
  #table: RingTable | undefined;
  #busy = false;

  constructor(options: ControlPlaneOptions) {
    this.#o = options;
  }

  start(): void {
    this.#o.scheduler.after(ROUND_MS, () => {
      this.start();
      if (this.#busy || this.down || !this.#o.zones.some((zone) => this.#o.store.isReachableFrom(zone))) return;
      this.#busy = true;
      void this.#round().finally(() => {
        this.#busy = false;
      });
    });
  }

  /** The cell's weight and order from now on; heard with the next round. */
  drain(cell: string, weight: number, spreadMs: number): void {
    const generation = (this.#orders.get(cell)?.generation ?? 0) + 1;
    const draining = weight < 100;
    const order = { cell, generation, draining, keepPercent: weight, spreadMs, reason: 'simulated', gateways: [] };
    this.#orders.set(cell, order);
    this.#weights.set(cell, weight);
  }

  /** Everything is asked to serve again. */
  heal(): void {
    this.down = false;
    this.mute.clear();
    this.drained.clear();
    for (const [cell, { draining }] of this.#orders) if (draining) this.drain(cell, 100, 0);
  }

  async #round(): Promise<void> {
    const { manager, live, store, listeners, edges, zones } = this.#o;
    const { moveShare } = this;
    this.moveShare = 0;
    await manager.round({ live: live(), drained: this.drained, moveShare });
    if (this.down) return;
    this.#table = (await store.real.ring.readTable(RING, this.#table?.epoch)) ?? this.#table;
    for (const { process, control } of listeners()) this.#tell(process, control);
    for (const zone of zones) if (!this.mute.has(zone)) edges.weights.set(zone, new Map(this.#weights));
  }

  #tell(process: SimProcess, control: SimControl): void {
    const { scheduler, random, store } = this.#o;
    if (this.mute.has(process.zone) || !store.isReachableFrom(process.zone)) return;
    const table = this.#table;
    const order = this.#orders.get(process.zone);
    const newTable = table !== undefined && table.epoch !== control.table?.epoch ? table : undefined;
    const newOrder = order !== undefined && order.generation !== control.drainOrder()?.generation ? order : undefined;
    if (newTable === undefined && newOrder === undefined) return;
    scheduler.after(random.between(1, 40), () =>
      process.enter(() => {
        if (newTable !== undefined) control.update(newTable);
        if (newOrder !== undefined) control.setOrder(newOrder);
      }),
    );
  }
}
