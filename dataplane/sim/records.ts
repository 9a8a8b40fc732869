/** Everything that a simulated run notes, client histories among it, and the hash that tells two runs apart. */
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
import type { Store } from '../storage/store.ts';
import { RULE } from './invariants.ts';

export interface Violation {
  /** A rule of invariants.ts, or a kind of finding of the history checker. */
  invariant: string;
  message: string;
  history: readonly string[];
}

/** Histories, as the checker takes them. */
interface Noted {
  client: string;
  record: HistoryRecord;
}

export class Records {
  readonly violations: Violation[] = [];
  readonly trace: string[] = [];
  readonly #now: () => number;
  readonly #hash = createHash('sha256');
  readonly #noted: Noted[] = [];
  readonly #tracing: boolean;
  #unhashed: string[] = [];

  constructor(options: { now: () => number; trace: boolean }) {
    this.#now = options.now;
    this.#tracing = options.trace;
  }

  /** A line of the run: part of its hash. */
  note(line: string): void {
    const stamped = `${this.#now().toFixed(3)} ${line}`;
    this.#unhashed.push(stamped);
    if (this.#unhashed.length > 200) this.#digest();
    if (this.#tracing) this.trace.push(stamped);
  }

  record(client: string, record: HistoryRecord): void {
    this.#noted.push({ client, record });
    this.note(`${client} ${JSON.stringify(record)}`);
  }

  violate(invariant: string, message: string, history: readonly string[] = []): void {
    this.note(`BROKEN ${invariant}: ${message}`);
    this.violations.push({ invariant, message, history });
  }

  crashed(process: string, error: unknown): void {
    this.violate(
      RULE.noCrash,
      `${process}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }

  /** Compares all histories with the store as it stands. */
  async judge(store: Store, topics: readonly TopicId[]): Promise<Verdict> {
    const log = new LogIndex();
    for (const topic of topics) for (const event of await store.log.read(topic, 0, 1_000_000)) log.add(rowOf(event));
    const checker = new HistoryChecker(log, 3);
    for (const { client, record } of this.#noted) checker.record(client, record);
    const verdict = checker.verdict();
    for (const { kind, message, history } of verdict.findings) this.violate(kind, message, history);
    if (verdict.holds) this.#everyMember(log, topics);
    return verdict;
  }

  /** The digest of all that was noted. Ends the records. */
  close(): string {
    this.#digest();
    return this.#hash.digest('hex');
  }

  #digest(): void {
    this.#hash.update(`${this.#unhashed.join('\n')}\n`);
    this.#unhashed = [];
  }

  /**
   * The checker excuses what a client says that it passed over. A client that was a member throughout had no reason to
   * pass over a message that is still there: what is not replayed is to be read from the history.
   */
  #everyMember(log: LogIndex, topics: readonly TopicId[]): void {
    for (const view of viewsOf(this.#noted))
      for (const topic of topics) {
        const [interval, ...more] = log.intervals(topic, view.user);
        const from = view.starts.get(topic);
        if (interval?.to !== Number.POSITIVE_INFINITY || more.length > 0 || from === undefined) continue;
        for (let seq = from + 1; seq <= log.head(topic); seq++) {
          const row = log.row(topic, seq);
          if (row?.type !== 'message' || row.hash === undefined || view.got.has(`${topic} ${seq}`)) continue;
          this.violate(RULE.everyMember, `${view.client} passed over seq ${seq} of ${topic}, a message that is there`);
          return;
        }
      }
  }
}

interface View {
  client: string;
  user: string;
  /** By topic, the seq behind which the client's view began. */
  starts: Map<string, number>;
  got: Set<string>;
}

/** What each client that was there at the end has had. */
function viewsOf(noted: readonly Noted[]): View[] {
  const views = new Map<string, View>();
  const settled: View[] = [];
  for (const { client, record } of noted) {
    if (record.kind === 'open') views.set(client, { client, user: record.user, starts: new Map(), got: new Set() });
    const view = views.get(client);
    if (view === undefined) continue;
    if (record.kind === 'subscribed' && !view.starts.has(record.topic)) view.starts.set(record.topic, record.seq);
    if (record.kind === 'event' || (record.kind === 'ack' && record.via === 'socket'))
      view.got.add(`${record.topic} ${record.seq}`);
    if (record.kind === 'end' && record.settled) settled.push(view);
  }
  return settled;
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
