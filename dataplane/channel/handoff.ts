/**
 * Planned handoff, driven by the owner: PREPARE the target, FREEZE a batch, COMMIT the table for what has nothing in
 * flight, tell the target; the rest of the batch once it is flushed. A slot that is frozen accepts nothing; it is served
 * again only when a committed table names this incarnation and no target: a failed commit is read again, never guessed.
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
import { Paces } from './handoff-batch.ts';
import type { ChannelMetrics } from './metrics.ts';
import type { Slots } from './slots.ts';

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
  /** Whether something of the slot's topics is queued or in flight. */
  isBusy(slot: number): boolean;
  /** Resolves when nothing of these is any more. */
  flush(slots: readonly number[]): Promise<void>;
  heads(slots: readonly number[]): [TopicId, Head][];
  /** Whoever was refused while these were frozen may come again. */
  serves(slots: readonly { slot: number; epoch: number }[]): void;
}

interface Receiver {
  incarnation: string;
  address: string;
}

interface Frozen {
  /** Frozen and not handed over yet. */
  busy: readonly number[];
  /** Since when the slots have accepted nothing, monotonic. */
  frozenAt: number;
}

interface Handed {
  slots: number[];
  /** As committed. */
  table: RingTable;
  heads: readonly [TopicId, Head][];
  frozenAt: number;
}

/**
 * The targets of an owner, those that come after it in the table first: owners that hand over at the same time then
 * keep different targets busy. All are indices of the table's members.
 */
export function inTurn(targets: readonly number[], self: number, members: number): number[] {
  const after = (target: number): number => (target - self + members) % members;
  return targets.toSorted((a, b) => after(a) - after(b));
}

/** A takeover waits no longer for a flush than this, in ms, and no slot pauses for longer without being handed over. */
const FLUSH_MS = 2_000;

/** For so long a target counts as ready that has said so. */
const READY_MS = 3_000;

/**
 * A target that takes longer to answer, in ms, gets nothing more in this round: until it has answered nobody looks who is
 * alive, and the slots that it has got may be this server's again soon.
 */
const ANSWER_MS = 1_000;

const SYSTEM: Actor = { workspace: 'T0' as Actor['workspace'], user: undefined, roles: [] };

export class Handoff {
  readonly #o: HandoffOptions;
  readonly #paces = new Paces();
  /** By the target's incarnation, when it last said that it was ready. */
  readonly #readyAt = new Map<string, number>();

  constructor(options: HandoffOptions) {
    this.#o = options;
  }

  /**
   * One round: every target that is ready gets its slots, for as long as `mayGoOn`. Never rejects: what fails, or is
   * left, is for the next round.
   */
  async run(table: RingTable, mayGoOn: () => boolean): Promise<void> {
    const { me, slots, log } = this.#o;
    const self = memberIndex(table, me);
    if (self === NONE) return;
    this.#paces.keep(new Set(table.members.map((m) => m.incarnation)));
    const byTarget = new Map<number, number[]>();
    const thawed: { slot: number; epoch: number }[] = [];
    // By number, so that a commit touches few of the ranges in which the table travels.
    for (const slot of slots.held().sort((a, b) => a - b)) {
      const target = table.target[slot]!;
      // Frozen by a round that did not commit. The table that was just read names us: until the next round it serves.
      if (slots.thaw(slot)) thawed.push({ slot, epoch: slots.epoch(slot)! });
      if (target !== NONE && target !== self && table.owner[slot] === self) {
        const list = byTarget.get(target);
        if (list === undefined) byTarget.set(target, [slot]);
        else list.push(slot);
      }
    }
    if (thawed.length > 0) this.#o.serves(thawed);
    const give = async (target: number): Promise<void> => {
      const { incarnation, address, pod } = table.members[target]!;
      const mine = byTarget.get(target)!;
      try {
        await this.#give(table, { incarnation, address, slots: mine }, mayGoOn);
      } catch (err: unknown) {
        log.info({ err, target: pod, slots: mine.length }, 'handoff not done, trying again');
      }
    };
    const targets = inTurn([...byTarget.keys()], self, table.members.length);
    if (this.#paces.far) await Promise.all(targets.map(give));
    else
      for (const target of targets) {
        await give(target);
        if (!mayGoOn()) return;
      }
  }

  async #give(table: RingTable, to: Receiver & { slots: number[] }, mayGoOn: () => boolean): Promise<void> {
    if (!(await this.#isReady(table, to))) return;
    for (let at = 0; at < to.slots.length; ) {
      const batch = to.slots.slice(at, at + this.#paces.sizeFor(to.incarnation));
      if (!(await this.#move(to, batch))) return;
      at += batch.length;
      if (!mayGoOn()) return;
    }
  }

  /** Rounds are as short as the time between two polls: over a slow link most of it would go by asking each time. */
  async #isReady(table: RingTable, { incarnation, address, slots }: Receiver & { slots: number[] }): Promise<boolean> {
    const { peers, ring, clock } = this.#o;
    const now = clock.monotonicMs();
    for (const [known, at] of this.#readyAt) if (now - at > READY_MS) this.#readyAt.delete(known);
    if (this.#readyAt.has(incarnation)) return true;
    const args = { ring, slots, tableEpoch: table.epoch };
    const { ready } = await this.#within(
      ANSWER_MS,
      peers.request(address, { op: 'prepare', ring, args, actor: SYSTEM }),
    );
    if (ready) this.#readyAt.set(incarnation, now);
    return ready;
  }

  #within<T>(ms: number, work: Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = this.#o.clock.after(ms, () => reject(new Error(`not within ${ms} ms`)));
    return Promise.race([work, late]).finally(() => timer.cancel());
  }

  /** False when the table does not give all of these to the target any more, some cannot be flushed, or it is silent. */
  async #move(to: Receiver, batch: readonly number[]): Promise<boolean> {
    let done = await this.#handOver(to, batch);
    while (done !== undefined && done.busy.length > 0) {
      // Frozen, so that nothing more comes in: the next time they are idle. A topic that does not come to an end holds
      // up neither the others nor a takeover: the next round serves it here and tries again.
      if (!(await this.#flushed(done.busy))) return false;
      done = await this.#handOver(to, done.busy, done.frozenAt);
    }
    return done !== undefined;
  }

  #flushed(slots: readonly number[]): Promise<boolean> {
    return this.#within(FLUSH_MS, this.#o.flush(slots)).then(
      () => true,
      () => false,
    );
  }

  /**
   * Hands over those that have nothing queued or in flight; the others are frozen as well, and named. They are frozen
   * only when the commit has its turn at the table: the wait for other owners' commits is no pause.
   */
  async #handOver(to: Receiver, slots: readonly number[], since?: number): Promise<Frozen | undefined> {
    const { me, store, clock, log, metrics, leaving, adopt, isBusy, heads } = this.#o;
    const known = this.#o.table();
    if (known === undefined) return undefined;
    const askedAt = clock.monotonicMs();
    let turnAt = askedAt;
    const frozen = { at: since, busy: slots, heads: [] as [TopicId, Head][] };
    const step = await store.changeTable(known, (table) => {
      turnAt = clock.monotonicMs();
      frozen.at ??= turnAt;
      for (const slot of slots) this.#o.slots.freeze(slot);
      frozen.busy = slots.filter((slot) => isBusy(slot));
      const idle = slots.filter((slot) => !isBusy(slot));
      frozen.heads = heads(idle);
      return handover(table, { me, target: to.incarnation, slots: idle, leaving: leaving() });
    });
    const { busy, at: frozenAt = askedAt } = frozen;
    if (step === undefined) return busy.length === slots.length ? { busy, frozenAt } : undefined;
    const committedAt = clock.monotonicMs();
    adopt(step.table);
    metrics.handoffs.inc(step.slots.length);
    const told = await this.#tell(to, { ...step, heads: frozen.heads, frozenAt });
    const claimedAt = clock.monotonicMs();
    const took = { pauseMs: claimedAt - frozenAt, commitMs: committedAt - turnAt, claimMs: claimedAt - committedAt };
    this.#paces.note(to.incarnation, took, leaving());
    const phases = {
      turnMs: Math.round(turnAt - askedAt),
      commitMs: Math.round(took.commitMs),
      claimMs: Math.round(took.claimMs),
    };
    log.info({ target: to.address, slots: step.slots.length, busy: busy.length, ...phases }, 'slots handed over');
    return told ? { busy, frozenAt } : undefined;
  }

  /** Only a shortcut: the target finds the table by itself at its next poll. False when it has not answered. */
  async #tell(to: Receiver, { slots, table, heads, frozenAt }: Handed): Promise<boolean> {
    const { ring, peers, clock, log } = this.#o;
    const args = {
      ring,
      slots,
      tableEpoch: table.epoch,
      standbys: slots.map((slot) => table.standby[slot]!),
      heads: heads.map(([topic, head]): [TopicId, number, string] => [topic, head.seq, head.ts.toString()]),
      frozenMs: clock.monotonicMs() - frozenAt,
    };
    try {
      await this.#within(ANSWER_MS, peers.request(to.address, { op: 'handoff', ring, args, actor: SYSTEM }));
      return true;
    } catch (err: unknown) {
      this.#readyAt.delete(to.incarnation);
      log.info({ err }, 'the new owner was not told; it will read the table');
      return false;
    }
  }
}
