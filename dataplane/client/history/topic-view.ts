/**
 * One client's view of one topic: a state machine fed in the order in which the client saw things. It decides for
 * each event whether it came in order, once, and rightly; and at the end what never came.
 */
import type { Findings } from './findings.ts';
import { describeRow, type Interval, type LogIndex } from './log-index.ts';
import type { FindingKind, HistoryRecord } from './records.ts';

export type EventRecord = Extract<HistoryRecord, { kind: 'event' }>;

export interface ViewOwner {
  client: string;
  workspace: string;
  user: string;
}

const FOREVER = Number.POSITIVE_INFINITY;

export class TopicView {
  readonly #topic: string;
  readonly #owner: ViewOwner;
  readonly #log: LogIndex;
  readonly #findings: Findings;
  /** Everything up to it was delivered, is in #missing, or was not owed. Undefined until the view starts. */
  #last: number | undefined;
  /** Owed, skipped so far; with what was seen before and after. */
  readonly #missing = new Map<number, string[]>();
  /** Ranges (after, to) that were passed over without an event each, owed or not. */
  readonly #passedOver: { after: number; to: number }[] = [];
  /** Delivered late out of #passedOver. */
  readonly #late = new Set<number>();
  #previous: string;
  /** The socket was lost after the last event here: the rest of a membership that ended meanwhile is excused. */
  #offline = false;
  /** The view was taken up again since a membership ended: what lies before a rejoin may then be replayed. */
  #reopened = false;
  #left = false;

  constructor(topic: string, owner: ViewOwner, log: LogIndex, findings: Findings) {
    this.#topic = topic;
    this.#owner = owner;
    this.#log = log;
    this.#findings = findings;
    this.#previous = `${owner.client}: its view of ${topic} starts`;
  }

  subscribed(seq: number, fresh: boolean): void {
    if (this.#last === undefined || fresh || this.#left) this.#passTo(Math.max(this.#last ?? 0, seq));
    this.#previous = `${this.#owner.client}: subscribed to ${this.#topic} at seq ${seq}`;
    this.#left = false;
    this.#reopened = true;
  }
  disconnected(): void {
    this.#offline = true;
  }
  resumed(): void {
    this.#reopened = true;
  }
  left(): void {
    this.#left = true;
  }

  event(event: EventRecord): void {
    const text = describeEvent(this.#owner.client, event);
    if (this.#isRightful(event, text)) this.#deliver(event.seq, text, true);
  }

  /** The ack of an own post is its delivery, unless a replay brought the event before. */
  ack(seq: number): void {
    if (this.#log.row(this.#topic, seq) === undefined) return; // reported as a lost post
    this.#deliver(seq, `${this.#owner.client}: ack of its post ${this.#topic} seq=${seq}`, false);
  }

  end(settled: boolean): void {
    if (settled) this.#expectAll();
    for (const [seq, context] of this.#missing) this.#lost(seq, context);
  }

  /** A settled view holds all that was owed: up to the log's end, or to the end of the membership. */
  #expectAll(): void {
    const joined = this.#intervals().at(-1);
    if (joined?.to === FOREVER) this.#last ??= joined.from; // never heard of, though a member to the end
    if (this.#last === undefined) return;
    for (let seq = this.#last + 1; seq <= this.#log.head(this.#topic); seq++)
      if (this.#owes(seq, FOREVER))
        this.#missing.set(seq, [this.#previous, `${this.#owner.client}: settled, nothing more came`]);
  }

  #deliver(seq: number, text: string, isEvent: boolean): void {
    const last = this.#last ?? this.#startBefore(seq);
    if (seq > last) this.#advance(last, seq, text);
    else if (this.#missing.delete(seq) || (isEvent && this.#isLate(seq)))
      this.#report('reordered', seq, `got seq ${seq} after seq ${last} in`, [this.#previous, text]);
    else if (isEvent) this.#report('duplicated', seq, `got seq ${seq} twice in`, [this.#previous, text]);
    else return;
    this.#previous = text;
    this.#offline = false;
    if (this.#intervals().some((i) => i.to === seq)) this.#reopened = false;
  }

  #advance(last: number, seq: number, text: string): void {
    for (let q = last + 1; q < seq; q++) if (this.#owes(q, seq)) this.#missing.set(q, [this.#previous, text]);
    if (seq > last + 1) this.#passedOver.push({ after: last, to: seq - 1 });
    this.#last = seq;
  }

  #passTo(seq: number): void {
    if (seq > (this.#last ?? 0)) this.#passedOver.push({ after: this.#last ?? 0, to: seq });
    this.#last = seq;
  }

  /** Without a mark the view of a channel starts where the user became a member, that of another topic at its first event. */
  #startBefore(seq: number): number {
    const joined = this.#intervals().find((i) => i.from <= seq && seq <= i.to)?.from ?? seq;
    const start = Math.min(joined, seq - 1);
    this.#passTo(start);
    return start;
  }

  #isLate(seq: number): boolean {
    if (this.#late.has(seq) || !this.#passedOver.some((r) => r.after < seq && seq <= r.to)) return false;
    this.#late.add(seq);
    return true;
  }

  /** Whether `seq` was owed to a view that has come to `reached`. */
  #owes(seq: number, reached: number): boolean {
    if (this.#log.row(this.#topic, seq) === undefined) return false; // a gap of the log is the log's own finding
    if (!isChannel(this.#topic)) return true;
    const interval = this.#intervals().find((i) => i.from < seq && seq <= i.to);
    if (interval === undefined) return false;
    return reached <= interval.to || !this.#offline;
  }

  /** False when the event must not have come at all; it then takes no part in the order. */
  #isRightful(event: EventRecord, text: string): boolean {
    const row = this.#log.row(this.#topic, event.seq);
    const { workspace, user } = this.#owner;
    const foreign = (why: string): false => {
      const log = row === undefined ? [] : [describeRow(row)];
      this.#report('foreign', event.seq, `${why}: seq ${event.seq} of`, [...log, text]);
      return false;
    };
    if (row === undefined) return foreign('got an event that the log does not hold');
    if (row.workspace !== workspace)
      return foreign(`is of workspace ${workspace} and got an event of ${row.workspace}`);
    if (event.hash !== undefined && row.hash !== undefined && event.hash !== row.hash)
      return foreign('got another payload than the log holds');
    if (!isChannel(this.#topic))
      return (
        this.#topic === user || this.#topic === workspace || foreign(`is user ${user} and got an event of another`)
      );
    const intervals = this.#intervals();
    if (intervals.length === 0) return foreign(`is user ${user}, never a member, and got an event`);
    const ended = intervals.findLast((i) => i.to < event.seq);
    if (ended === undefined || this.#mayHave(intervals, ended, event.seq)) return true;
    const kick = this.#log.row(this.#topic, ended.to);
    this.#report('after_kick', event.seq, `got seq ${event.seq} after its membership ended at seq ${ended.to} of`, [
      ...(kick === undefined ? [] : [describeRow(kick)]),
      text,
    ]);
    return false;
  }

  /** After an ended membership only a later one allows: its events, and on taking the view up again what lies before it. */
  #mayHave(intervals: readonly Interval[], ended: Interval, seq: number): boolean {
    const next = intervals[intervals.indexOf(ended) + 1];
    return next !== undefined && (seq >= next.from || this.#reopened);
  }

  #intervals(): readonly Interval[] {
    return isChannel(this.#topic) ? this.#log.intervals(this.#topic, this.#owner.user) : [];
  }

  #lost(seq: number, [before = '', after = '']: string[]): void {
    const row = this.#log.row(this.#topic, seq);
    const line = row === undefined ? [] : [describeRow(row)];
    this.#report('lost', seq, `never got seq ${seq} of`, [before, ...line, after]);
  }

  #report(kind: FindingKind, seq: number, what: string, history: string[]): void {
    const { client } = this.#owner;
    this.#findings.add({ kind, client, topic: this.#topic, seq, message: `${client} ${what} ${this.#topic}`, history });
  }
}

const isChannel = (topic: string): boolean => 'CDG'.includes(topic[0] ?? '-');

function describeEvent(client: string, e: EventRecord): string {
  const key = e.client_msg_id === undefined ? '' : ` client_msg_id=${e.client_msg_id}`;
  return `${client}: event ${e.topic} seq=${e.seq} ts=${e.ts} ${e.type}${key}${e.filled ? ' (read from history)' : ''}`;
}
