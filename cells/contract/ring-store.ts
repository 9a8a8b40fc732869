/** The part of the store that the control plane and the channel servers share: slot tables and heartbeats. */
import type { RingTable } from './ring-table.ts';

export type NodeRole = 'gateway' | 'channel' | 'api';

/** One row a dataplane process, written every heartbeat interval by the process itself. */
export interface Heartbeat {
  /** `<pod uid>/<start nonce>`: the key. */
  incarnation: string;
  role: NodeRole;
  pod: string;
  cell: string;
  zone: string;
  /** The ring of a channel server; empty for the other roles. */
  ring: string;
  /** host:port of the link listener of a channel server, of the client listener of the others. */
  address: string;
  weight: number;
  /** Raised by one at each beat: observers judge by its change on their own monotonic clock, never by a wall time. */
  counter: number;
  /** `leaving`: shutting down by plan; it wants no new slots and no new sockets. */
  state: 'serving' | 'leaving';
  load: NodeLoad;
}

export interface NodeLoad {
  /** Open client sockets (gateway). */
  sockets: number;
  /** Slots claimed and served (channel). */
  slots: number;
  /** Topics in memory (channel). */
  topics: number;
  /** Requests or deliveries a second over the last interval. */
  perSecond: number;
}

/** What a channel server did of late, by its hottest slots: one row each, replaced every ten seconds. */
export interface SlotLoadReport {
  incarnation: string;
  ring: string;
  /** Raised by one at each report. */
  counter: number;
  /** Events stored and copies of them sent, a second, over all slots. */
  perSecond: number;
  /** Of the hottest slots, hottest first. */
  hottest: readonly (readonly [slot: number, perSecond: number])[];
}

/** Every method rejects with ChatError `store_unavailable` (retryable) when the store cannot be reached. */
export interface RingStore {
  /** The ring's table, or undefined when there is none or its epoch is `knownEpoch`. */
  readTable(ring: string, knownEpoch?: number): Promise<RingTable | undefined>;
  /** Stores `table` if the stored epoch is `table.epoch - 1` (no row counts as 0). False when another commit came first. */
  compareAndSetTable(table: RingTable): Promise<boolean>;
  /**
   * Commits `change` of the latest table and resolves with it; undefined when there is no table or `change` gives none.
   * Waits for its turn: of many who commit at once all get through, without a second attempt. `known` saves reading the
   * table when it is the latest. `change` is called when the turn has come, and may be called again.
   */
  changeTable<T extends { table: RingTable }>(
    known: RingTable,
    change: (table: RingTable) => T | undefined,
  ): Promise<T | undefined>;
  /**
   * `withinMs`: rejects then, instead of after the store's own timeout, which may be longer than a member may be silent.
   * The row may be written all the same.
   */
  beat(heartbeat: Heartbeat, withinMs?: number): Promise<void>;
  /** All rows, or those of one ring. */
  heartbeats(ring?: string, withinMs?: number): Promise<Heartbeat[]>;
  reportLoad(report: SlotLoadReport): Promise<void>;
  loads(ring: string): Promise<SlotLoadReport[]>;
  /** Removes all rows of processes that ended for good. */
  forget(incarnations: readonly string[]): Promise<void>;
}
