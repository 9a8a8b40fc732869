/** The channel log as the checker needs it: rows by topic and seq, and who was a member when. */
import type { Findings } from './findings.ts';
import type { LogRow } from './records.ts';

/** A member from the event `from` on, up to and including the event `to`: its leave or kick (Infinity: still a member). */
export interface Interval {
  from: number;
  to: number;
}

interface Topic {
  workspace: string;
  rows: Map<number, LogRow>;
  head: number;
  /** By user, ascending; built on first use. */
  intervals: Map<string, Interval[]> | undefined;
}

export class LogIndex {
  readonly #topics = new Map<string, Topic>();
  readonly #twice: LogRow[] = [];

  add(row: LogRow): void {
    let topic = this.#topics.get(row.topic);
    if (topic === undefined) {
      topic = { workspace: row.workspace, rows: new Map(), head: 0, intervals: undefined };
      this.#topics.set(row.topic, topic);
    }
    if (topic.rows.has(row.seq)) this.#twice.push(row);
    topic.rows.set(row.seq, row);
    topic.head = Math.max(topic.head, row.seq);
    topic.intervals = undefined;
  }

  row(topic: string, seq: number): LogRow | undefined {
    return this.#topics.get(topic)?.rows.get(seq);
  }
  head(topic: string): number {
    return this.#topics.get(topic)?.head ?? 0;
  }
  workspaceOf(topic: string): string | undefined {
    return this.#topics.get(topic)?.workspace;
  }
  topics(): IterableIterator<string> {
    return this.#topics.keys();
  }

  /** The row of a post by its idempotency key, for words only: a scan. */
  findPost(topic: string, clientMsgId: string): LogRow | undefined {
    for (const row of this.#topics.get(topic)?.rows.values() ?? []) if (row.client_msg_id === clientMsgId) return row;
    return undefined;
  }

  /** When `user` was a member of the channel, ascending; empty when it never was. */
  intervals(topicId: string, user: string): readonly Interval[] {
    const topic = this.#topics.get(topicId);
    if (topic === undefined) return [];
    topic.intervals ??= intervalsOf(topic);
    return topic.intervals.get(user) ?? [];
  }

  /** What the log itself must keep, whatever any client saw. */
  check(findings: Findings): void {
    for (const row of this.#twice)
      findings.add({
        kind: 'log_broken',
        topic: row.topic,
        seq: row.seq,
        message: `the log holds ${row.topic} seq ${row.seq} twice`,
        history: [describeRow(row)],
      });
    for (const topic of this.#topics.values()) checkTopic(topic, findings);
  }
}

const ordered = (topic: Topic): LogRow[] => [...topic.rows.values()].sort((a, b) => a.seq - b.seq);

function intervalsOf(topic: Topic): Map<string, Interval[]> {
  const out = new Map<string, Interval[]>();
  for (const { member, seq } of ordered(topic)) {
    if (member === undefined) continue;
    const list = out.get(member.user) ?? [];
    out.set(member.user, list);
    const last = list.at(-1);
    const open = last !== undefined && last.to === Number.POSITIVE_INFINITY;
    if (member.joined && !open) list.push({ from: seq, to: Number.POSITIVE_INFINITY });
    if (!member.joined && open) last.to = seq;
  }
  return out;
}

/** Seqs start at 1 without a gap, ts rise, epochs never fall, and a key of one user stands for one message. */
function checkTopic(topic: Topic, findings: Findings): void {
  const keys = new Map<string, LogRow>();
  let previous: LogRow | undefined;
  for (const row of ordered(topic)) {
    const wrong =
      previous === undefined ? (row.seq === 1 ? undefined : 'does not start at seq 1') : order(previous, row);
    if (wrong !== undefined)
      findings.add({
        kind: 'log_broken',
        topic: row.topic,
        seq: row.seq,
        message: `the log of ${row.topic} ${wrong}`,
        history: [...(previous === undefined ? [] : [describeRow(previous)]), describeRow(row)],
      });
    previous = row;
    if (row.client_msg_id === undefined || row.type !== 'message') continue;
    const key = `${row.user ?? ''} ${row.client_msg_id}`;
    const first = keys.get(key);
    if (first === undefined) keys.set(key, row);
    else
      findings.add({
        kind: 'duplicated',
        topic: row.topic,
        seq: row.seq,
        message: `client_msg_id ${row.client_msg_id} was stored twice in ${row.topic}: seq ${first.seq} and ${row.seq}`,
        history: [describeRow(first), describeRow(row)],
      });
  }
}

function order(a: LogRow, b: LogRow): string | undefined {
  if (b.seq !== a.seq + 1) return `has no seq ${a.seq + 1}`;
  if (compareTs(b.ts, a.ts) <= 0) return `has a ts at seq ${b.seq} that is not above the one before`;
  if (b.epoch < a.epoch) return `has epoch ${b.epoch} at seq ${b.seq} after epoch ${a.epoch}: a fenced owner wrote`;
  return undefined;
}

/** Order of two ts of the form "<seconds>.<6 digits>". */
function compareTs(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

export function describeRow(row: LogRow): string {
  const member = row.member === undefined ? '' : ` ${row.member.user} ${row.member.joined ? 'joined' : 'left'}`;
  const key = row.client_msg_id === undefined ? '' : ` client_msg_id=${row.client_msg_id}`;
  return `log: ${row.topic} seq=${row.seq} epoch=${row.epoch} ts=${row.ts} ${row.type}${member}${key}`;
}
