/**
 * Planned handoff, driven by the owner: PREPARE the target, FREEZE a batch, flush what is in flight, COMMIT the table,
 * tell the target. A slot that is frozen accepts nothing; it is served again only when a committed table names this
 * incarnation and no target: a failed commit is read again, never guessed.
 */
import type { Clock } from '../../cells/contract/clock.ts';
import type { TopicId } from '../../cells/contract/ids.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import type { RingStore } from '../../cells/contract/ring-store.ts';
import { memberIndex, NONE, type RingTable } from '../../cells/contract/ring-table.ts';
import type { LinkedOwnerClient } from '../links/owner-client.ts';
import type { Actor } from '../protocol/operations.ts';
import type { Head } from '../storage/store.ts';
import { handover } from './commits.ts';
import type { ChannelMetrics } from './metrics.ts';
import type { Slots } from './slots.ts';

const BATCH = 256;

export interface HandoffOptions {
  me: string;
  ring: string;
  store: Pick<RingStore, 'changeTable'>;
  peers: Pick<LinkedOwnerClient, 'request'>;
  slots: Slots;
  clock: Clock;
  log: Logger;
  metrics: ChannelMetrics;
  leaving(): boolean;
  /** As it is known here. */
  table(): RingTable | undefined;
  adopt(table: RingTable): void;
  /** Nothing of the slot's topics is queued or in flight any more. */
  flush(slots: readonly number[]): Promise<void>;
  heads(slots: readonly number[]): [TopicId, Head][];
}

const SYSTEM: Actor = { workspace: 'T0' as Actor['workspace'], user: undefined, roles: [] };

export class Handoff {
  readonly #o: HandoffOptions;

  constructor(options: HandoffOptions) {
    this.#o = options;
  }

  /** One round: every target that is ready gets its slots. Never rejects: what fails is tried in the next round. */
  async run(table: RingTable): Promise<void> {
    const { me, slots, log } = this.#o;
    const self = memberIndex(table, me);
    if (self === NONE) return;
    const byTarget = new Map<number, number[]>();
    for (const slot of slots.held()) {
      const target = table.target[slot]!;
      // Frozen by a round that did not commit. The table that was just read names us: until the next round it serves.
      slots.thaw(slot);
      if (target !== NONE && target !== self && table.owner[slot] === self) {
        const list = byTarget.get(target);
        if (list === undefined) byTarget.set(target, [slot]);
        else list.push(slot);
      }
    }
    for (const [target, all] of byTarget) {
      const member = table.members[target];
      if (member === undefined) continue;
      try {
        await this.#give(table, { incarnation: member.incarnation, address: member.address, slots: all });
      } catch (err: unknown) {
        log.info({ err, target: member.pod, slots: all.length }, 'handoff not done, trying again');
      }
    }
  }

  async #give(table: RingTable, to: { incarnation: string; address: string; slots: number[] }): Promise<void> {
    const { peers, ring } = this.#o;
    const { ready } = await peers.request(to.address, {
      op: 'prepare',
      ring,
      args: { ring, slots: to.slots, tableEpoch: table.epoch },
      actor: SYSTEM,
    });
    if (!ready) return;
    for (let i = 0; i < to.slots.length; i += BATCH) {
      if (!(await this.#move(to, to.slots.slice(i, i + BATCH)))) return;
    }
  }

  async #move(to: { incarnation: string; address: string }, batch: readonly number[]): Promise<boolean> {
    const { slots, clock, metrics, peers, ring, log } = this.#o;
    const frozenAt = clock.monotonicMs();
    for (const slot of batch) slots.freeze(slot);
    await this.#o.flush(batch);
    const heads = this.#o.heads(batch);
    const committed = await this.#commit(to.incarnation, batch);
    if (committed === undefined) return false;
    const { table } = committed;
    metrics.handoffs.inc(committed.slots.length);
    const args = {
      ring,
      slots: committed.slots,
      tableEpoch: table.epoch,
      standbys: committed.slots.map((slot) => table.standby[slot]!),
      heads: heads.map(([topic, head]): [TopicId, number, string] => [topic, head.seq, head.ts.toString()]),
      frozenMs: clock.monotonicMs() - frozenAt,
    };
    // Only a shortcut: the target finds the table by itself at its next poll.
    await peers.request(to.address, { op: 'handoff', ring, args, actor: SYSTEM }).catch((err: unknown) => {
      log.info({ err }, 'the new owner was not told; it will read the table');
    });
    return true;
  }

  async #commit(target: string, batch: readonly number[]): Promise<{ slots: number[]; table: RingTable } | undefined> {
    const { me, store, leaving, adopt } = this.#o;
    const known = this.#o.table();
    if (known === undefined) return undefined;
    const step = await store.changeTable(known, (table) =>
      handover(table, { me, target, slots: batch, leaving: leaving() }),
    );
    if (step !== undefined) adopt(step.table);
    return step;
  }
}
