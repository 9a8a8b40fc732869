/** Everything that a simulated run notes: client histories, claims, appends; and the hash that tells two runs apart. */
import { createHash } from 'node:crypto';
import { formatTs, type TopicId } from '../../cells/contract/ids.ts';
import {
  HistoryChecker,
  type HistoryRecord,
  LogIndex,
  type LogRow,
  payloadHash,
  type Verdict,
} from '../client/history/index.ts';
import type { Fence, LogEntry, Store } from '../storage/store.ts';
import type { StoreObserver } from './store.ts';

export interface Violation {
  invariant: string;
  message: string;
  history: readonly string[];
}

interface Noted {
  client: string;
  record: HistoryRecord;
}

export class Records implements StoreObserver {
  readonly violations: Violation[] = [];
  readonly #now: () => number;
  readonly #hash = createHash('sha256');
  readonly #noted: Noted[] = [];
  /** Per slot (a run has one ring), the highest epoch that was claimed, and by whom. */
  readonly #claims = new Map<number, { epoch: number; owner: string }>();
  readonly #slotOf: (topic: TopicId) => number;
  readonly trace: string[] = [];
  readonly #tracing: boolean;

  constructor(options: { now: () => number; slotOf: (topic: TopicId) => number; trace: boolean }) {
    this.#now = options.now;
    this.#slotOf = options.slotOf;
    this.#tracing = options.trace;
  }

  /** A line of the run: part of its hash. */
  note(line: string): void {
    const stamped = `${this.#now().toFixed(3)} ${line}`;
    this.#hash.update(stamped).update('\n');
    if (this.#tracing) this.trace.push(stamped);
  }

  record(client: string, record: HistoryRecord): void {
    this.#noted.push({ client, record });
    this.note(`${client} ${JSON.stringify(record)}`);
  }

  claimed(owner: string, fences: readonly Fence[], held: ReadonlySet<number>): void {
    for (const { slot, epoch } of fences) {
      if (!held.has(slot)) continue;
      const before = this.#claims.get(slot);
      if (before !== undefined && (before.epoch > epoch || (before.epoch === epoch && before.owner !== owner)))
        this.#violate(
          'claims only rise',
          `${owner} claimed slot ${slot} at ${epoch} after ${before.owner} at ${before.epoch}`,
        );
      this.#claims.set(slot, { epoch, owner });
    }
    this.note(`claim ${owner} ${held.size}`);
  }

  appended(owner: string, entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      this.note(`append ${owner} ${entry.topic} ${entry.seq} @${entry.epoch}`);
      const claim = this.#claims.get(this.#slotOf(entry.topic));
      if (claim === undefined || entry.epoch < claim.epoch || claim.owner !== owner)
        this.#violate(
          'no write of a lower epoch after a claim',
          `${owner} wrote ${entry.topic} seq ${entry.seq} at epoch ${entry.epoch}, claimed by ${claim?.owner ?? 'nobody'} at ${claim?.epoch ?? 0}`,
        );
    }
  }

  crashed(process: string, error: unknown): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#violate('no process crashes', `${process}: ${stack}`);
  }

  /** Compares all histories with the store as it stands. */
  async judge(store: Store, topics: readonly TopicId[]): Promise<{ verdict: Verdict; hash: string }> {
    const log = new LogIndex();
    for (const topic of topics) for (const event of await store.log.read(topic, 0, 1_000_000)) log.add(rowOf(event));
    const checker = new HistoryChecker(log, 3);
    for (const { client, record } of this.#noted) checker.record(client, record);
    const verdict = checker.verdict();
    for (const f of verdict.findings)
      this.violations.push({ invariant: f.kind, message: f.message, history: f.history });
    return { verdict, hash: this.#hash.digest('hex') };
  }

  violate(invariant: string, message: string): void {
    this.#violate(invariant, message);
  }

  #violate(invariant: string, message: string): void {
    if (this.violations.length < 20) this.violations.push({ invariant, message, history: [] });
  }
}

function rowOf(event: Awaited<ReturnType<Store['log']['read']>>[number]): LogRow {
  const payload = JSON.parse(event.payload) as { user?: string; subtype?: string };
  const changesMember = event.type === 'member_joined_channel' || event.type === 'member_left_channel';
  return {
    topic: event.topic,
    workspace: event.workspace,
    seq: event.seq,
    epoch: event.epoch,
    ts: formatTs(event.ts),
    type: event.type,
    ...(event.user === undefined ? {} : { user: event.user }),
    ...(event.clientKey === undefined ? {} : { client_msg_id: event.clientKey }),
    ...(payload.subtype === 'tombstone' ? {} : { hash: payloadHash(event.payload) }),
    ...(changesMember && payload.user !== undefined
      ? { member: { user: payload.user, joined: event.type === 'member_joined_channel' } }
      : {}),
  };
}
