/**
 * This incarnation as a member of its ring: beats, reads the table and the other members' heartbeats each interval,
 * and brings what it holds in line with the table. The table says who should own a slot; only a claim in the store
 * makes it so.
 *
 * Commits of the table run in one chain (`#inTurn`); claims in one of their own (claims.ts).
 */
import { type Clock, type Random, sleep, type Timer } from '../../cells/contract/clock.ts';
import { ClockCheck } from '../../cells/contract/clock-check.ts';
import { Liveness, type Verdict } from '../../cells/contract/liveness.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import type { Heartbeat, NodeLoad } from '../../cells/contract/ring-store.ts';
import { memberIndex, NONE, type RingTable } from '../../cells/contract/ring-table.ts';
import type { Plants } from '../protocol/plants.ts';
import type { Store } from '../storage/store.ts';
import { Claims } from './claims.ts';
import { evacuate, handedOver, type Judgement, takeover } from './commits.ts';
import type { ChannelMetrics } from './metrics.ts';
import type { Slots } from './slots.ts';
import type { TableControl } from './table-control.ts';

export interface RingMemberOptions {
  store: Store;
  row: Pick<Heartbeat, 'incarnation' | 'pod' | 'cell' | 'zone' | 'ring' | 'address' | 'weight'>;
  heartbeatMs: number;
  missed: number;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: ChannelMetrics;
  control: TableControl;
  slots: Slots;
  load(): NodeLoad;
  /** The slots have just been claimed and are served from now on. */
  claimed(slots: readonly { slot: number; epoch: number }[]): void;
  /** The slot is no longer ours: everything of it in memory is void. */
  lost(slot: number): void;
  /**
   * Carries out the planned moves that the table asks of this owner, until all are done or `mayGoOn` says no. Called in
   * turn; never rejects.
   */
  handOff(table: RingTable, mayGoOn: () => boolean): Promise<void>;
  plants: Plants;
}

/** Above this the server takes no slots and gives its own away, as one that leaves: its ts would be far off everybody else's. */
const MAX_SKEW_MS = 10_000;
const SKEW_EVERY_TICKS = 20;
/** A dead owner's slots have four standbys as a rule; the last try waits for its turn. */
const MAX_TAKEOVER_TRIES = 5;

export class RingMember {
  readonly #o: RingMemberOptions;
  readonly #liveness: Liveness;
  readonly #clockCheck: ClockCheck;
  /**
   * How long a heartbeat, or the reading of them, may take, in ms. Half of what a member may be silent: one that hangs
   * when the store comes back is given up, and made anew, before the others take its writer for dead.
   */
  readonly #withinMs: number;
  #timer: Timer | undefined;
  #counter = 0;
  #ticks = 0;
  /** Only as a planted bug: the last poll failed, and nobody was heard of in it. */
  #plantAllSilent = false;
  #leaving = false;
  #closed = false;
  #beatFailed = false;
  #beating = false;
  #beatDue = false;
  /** A beat or a poll has failed, or taken longer than it may, since the last poll that did not. */
  #storeFailed = false;
  #ticking = false;
  #pollDue = false;
  #verdict: Verdict | undefined;
  /** Incarnations that said so when they were last heard. */
  #leavers: ReadonlySet<string> = new Set();
  /** Polls in a row in which a member of the table had no heartbeat row at all. */
  readonly #rowless = new Map<string, number>();
  #chain: Promise<unknown> = Promise.resolve();
  readonly #claims: Claims;
  #answered = false;

  constructor(options: RingMemberOptions) {
    this.#o = options;
    this.#claims = new Claims(options);
    this.#liveness = new Liveness({ heartbeatMs: options.heartbeatMs, missed: options.missed });
    this.#withinMs = (options.heartbeatMs * options.missed) / 2;
    const { store, clock, log, metrics } = options;
    this.#clockCheck = new ClockCheck({
      storeMs: () => store.wallMs(this.#withinMs),
      ...{ clock, log, limitMs: MAX_SKEW_MS, consequence: 'this server claims no slots' },
      onSkew: (skewMs) => metrics.clockSkewMs.set(skewMs),
    });
  }

  /** The store has answered at least once and this server's own row is written. */
  get ready(): boolean {
    return this.#answered && !this.#beatFailed;
  }
  get leaving(): boolean {
    return this.#leaving;
  }
  /** Whether it may be handed slots now. */
  get takesSlots(): boolean {
    return this.ready && !this.#leaving && !this.#clockCheck.off;
  }
  get #me(): string {
    return this.#o.row.incarnation;
  }

  start(): void {
    this.#tick();
    this.#timer = this.#o.clock.every(this.#o.heartbeatMs, () => this.#tick());
  }

  /** Reads the table now. Resolves when what it says has been done; never rejects. */
  refresh(): Promise<void> {
    return this.#inTurn(() => this.#align());
  }

  /** Another server says that the table has reached this epoch: read it and claim what it gives, or these slots, now. */
  async takeNow(tableEpoch: number, slots?: readonly number[]): Promise<void> {
    if ((await this.tableAt(tableEpoch)) !== undefined) await this.#claimMissing(slots);
  }

  /** The owner before has committed this upon the table of the epoch before. With an older one, the table has to be read. */
  handedOver(tableEpoch: number, slots: readonly number[], standbys: readonly number[]): void {
    const { table } = this.#o.control;
    if (table?.epoch === tableEpoch - 1) this.adopt(handedOver(table, { me: this.#me, slots, standbys }));
  }

  /** Reads the table if it is older than this, without claiming anything. */
  async tableAt(tableEpoch: number): Promise<RingTable | undefined> {
    if ((this.#o.control.table?.epoch ?? -1) < tableEpoch) await this.#readTable();
    return this.#o.control.table;
  }

  /** Runs `step` when no other step runs. */
  #inTurn(step: () => Promise<void>): Promise<void> {
    const next = this.#chain.then(async () => {
      if (this.#closed) return;
      try {
        await step();
      } catch (err: unknown) {
        this.#o.log.warn({ err }, 'ring step failed');
      }
    });
    this.#chain = next;
    return next;
  }

  /** Hands every slot over, until none is held or `graceMs` is over; then removes the row. */
  async leave(graceMs: number): Promise<void> {
    this.#leaving = true;
    await this.#beat();
    const until = this.#o.clock.monotonicMs() + graceMs;
    while (this.#o.slots.size > 0 && this.#o.clock.monotonicMs() < until) {
      await this.refresh();
      if (this.#o.slots.size > 0) await sleep(this.#o.clock, this.#o.heartbeatMs / 5);
    }
    if (this.#o.slots.size > 0) this.#o.log.warn({ slots: this.#o.slots.size }, 'slots are left to their standbys');
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    await this.#chain;
    await this.#o.store.ring.forget([this.#me]).catch((err: unknown) => this.#o.log.warn({ err }, 'row stays behind'));
  }

  /** Ends at once, leaving the row: for a process that is killed in a simulation or test. */
  abort(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #tick(): void {
    void this.#beat();
    this.#pollDue = true; // after the one that is under way: a slow store gets no pile of them
    void this.#pollWhenDue();
  }

  /** One that was due while the one before was under way follows at once: the store has kept it, and silence is death. */
  async #beat(): Promise<void> {
    this.#beatDue = true;
    if (this.#beating) return;
    this.#beating = true;
    while (this.#beatDue && !this.#closed) {
      this.#beatDue = false;
      await this.#beatOnce();
    }
    this.#beating = false;
  }

  async #beatOnce(): Promise<void> {
    try {
      const state = this.#leaving || this.#clockCheck.off ? 'leaving' : 'serving';
      const counter = ++this.#counter;
      const row: Heartbeat = { ...this.#o.row, role: 'channel', counter, state, load: this.#o.load() };
      await this.#o.store.ring.beat(row, this.#withinMs);
      this.#beatFailed = false;
    } catch (err: unknown) {
      if (!this.#beatFailed) this.#o.log.warn({ err }, 'heartbeat not written');
      this.#beatFailed = true;
      this.#storeFailed = true;
    }
  }

  async #pollWhenDue(): Promise<void> {
    if (this.#ticking) return;
    this.#ticking = true;
    try {
      while (this.#pollDue && !this.#closed) {
        this.#pollDue = false;
        await this.#poll();
      }
    } finally {
      this.#ticking = false;
    }
  }

  async #poll(): Promise<void> {
    const { clock, store, row } = this.#o;
    const before = clock.monotonicMs();
    try {
      if (this.#ticks++ % SKEW_EVERY_TICKS === 0) await this.#clockCheck.look();
      const rows = await store.ring.heartbeats(row.ring, this.#withinMs);
      const now = clock.monotonicMs();
      this.#verdict = this.#liveness.observe(rows, now, now - before, !this.#storeFailed);
      this.#storeFailed = false;
      this.#countRowless(rows);
      this.#leavers = new Set(rows.filter((r) => r.state === 'leaving').map((r) => r.incarnation));
      this.#answered = true;
    } catch {
      this.#storeFailed = true;
      this.#verdict = this.#liveness.observeFailure(clock.monotonicMs());
      this.#rowless.clear();
      this.#plantAllSilent = this.#o.plants.has('failover-on-dead-store');
    }
    await this.refresh();
    if (this.#verdict.withheld !== 'failed') this.#plantAllSilent = false;
  }

  #countRowless(rows: readonly Heartbeat[]): void {
    const seen = new Set(rows.map((r) => r.incarnation));
    const members = this.#o.control.table?.members ?? [];
    for (const { incarnation } of members)
      if (seen.has(incarnation)) this.#rowless.delete(incarnation);
      else this.#rowless.set(incarnation, (this.#rowless.get(incarnation) ?? 0) + 1);
  }

  /** Nobody is dead to a server that cannot write its own row: it may be the one that is cut off. */
  #isDead(incarnation: string): boolean {
    if (this.#plantAllSilent) return true;
    if (this.#beatFailed || this.#verdict === undefined || this.#verdict.withheld !== undefined) return false;
    return this.#verdict.dead.has(incarnation) || (this.#rowless.get(incarnation) ?? 0) >= this.#o.missed;
  }

  #staysAlive(incarnation: string): boolean {
    return this.#verdict?.alive.has(incarnation) === true && !this.#leavers.has(incarnation);
  }

  async #align(): Promise<void> {
    const table = await this.#readTable();
    if (table === undefined) return;
    await this.#claimMissing();
    await this.#takeOver();
    if (this.#leaving) await this.#evacuate();
    const latest = this.#o.control.table;
    // The next poll may find somebody dead: a takeover does not wait until thousands of slots have been handed over.
    if (latest !== undefined) await this.#o.handOff(latest, () => !this.#pollDue);
  }

  async #readTable(): Promise<RingTable | undefined> {
    const { control, store, row } = this.#o;
    const table = await store.ring.readTable(row.ring, control.table?.epoch);
    if (table !== undefined) this.adopt(table);
    return control.table;
  }

  /** Takes a table that was read or committed: what it gives to others is released at once. */
  adopt(table: RingTable): void {
    const { control, slots } = this.#o;
    control.update(table);
    const current = control.table ?? table;
    const self = memberIndex(current, this.#me);
    for (const slot of slots.held())
      if (current.owner[slot] !== self || self === NONE || current.slotEpoch[slot] !== slots.epoch(slot))
        this.#o.lost(slot);
  }

  #claimMissing(slots?: readonly number[]): Promise<void> {
    return this.#claims.claimMissing(() => !this.#clockCheck.off && !this.#closed, slots);
  }

  /**
   * The standbys of one dead owner commit at the same time, each its own slots: who comes second judges anew at once. Who
   * comes second again and again, beside many owners that hand over, waits for its turn at the table as they do: that is
   * slower, since the table then waits for each of them.
   */
  async #takeOver(): Promise<void> {
    const { control, store, metrics, log } = this.#o;
    const judge: Judgement = {
      isDead: (incarnation) => this.#isDead(incarnation),
      isLeaving: (incarnation) => this.#leavers.has(incarnation),
      staysAlive: (incarnation) => this.#staysAlive(incarnation),
    };
    for (let tries = 1; tries <= MAX_TAKEOVER_TRIES; tries++) {
      const { table } = control;
      if (this.#leaving || this.#clockCheck.off || this.#closed || table === undefined) return;
      let step = takeover(table, this.#me, judge);
      if (step === undefined) return;
      if (tries === MAX_TAKEOVER_TRIES)
        step = await store.ring.changeTable(table, (latest) => takeover(latest, this.#me, judge));
      else if (!(await store.ring.compareAndSetTable(step.table))) step = undefined;
      if (step === undefined) {
        await this.#readTable();
        continue;
      }
      metrics.takeovers.inc(step.slots.length);
      log.warn({ slots: step.slots.length, epoch: step.table.epoch }, 'took over from a dead owner');
      this.adopt(step.table);
      return this.#claimMissing();
    }
  }

  async #evacuate(): Promise<void> {
    const { control, store } = this.#o;
    const { table } = control;
    if (table === undefined) return;
    const evacuated = (of: RingTable) => evacuate(of, this.#me, (incarnation) => this.#staysAlive(incarnation));
    if (evacuated(table) === undefined) return;
    const step = await store.ring.changeTable(table, (latest) => {
      const next = evacuated(latest);
      return next && { table: next };
    });
    if (step !== undefined) this.adopt(step.table);
  }
}
