/** What must be true of every claim, append and table as the store commits it, and of every frame that owners send. */
import { formatTs, type TopicId } from '../../cells/contract/ids.ts';
import { NONE, type RingTable } from '../../cells/contract/ring-table.ts';
import { bodyOf, decodeHeader, FLAG, type Header, KIND } from '../protocol/frames.ts';
import type { Fence, LogEntry } from '../storage/store.ts';
import type { Health } from './health.ts';
import { RULE, type Rule } from './invariants.ts';

export interface CheckOptions {
  now(): number;
  slotOf(topic: TopicId): number;
  health: Health;
  note(line: string): void;
  violate(rule: Rule, message: string): void;
}

interface Row {
  ts: bigint;
  /** Of an edit or a delete, the ts of its message: what its answer shows. */
  message: bigint | undefined;
  payload: string;
  deletedAt: number | undefined;
}

const MEMBER_BYTES = 8;
/** Longer than any read of the store takes. */
const READ_MS = 2_500;
/** How the answer of an operation with a place in the log begins. */
const POSTED = /^\{"ok":true,"result":\{"seq":(\d+),"ts":"([\d.]+)"/;

export class StoreChecks {
  readonly #o: CheckOptions;
  /** Per slot (a run has one ring), the highest epoch that was claimed, and by whom. */
  readonly #claims = new Map<number, { epoch: number; owner: string }>();
  /** Per topic, by seq. */
  readonly #rows = new Map<TopicId, Map<number, Row>>();
  /** The seq of each post, by topic and text. */
  readonly #posts = new Map<string, number>();
  #table: RingTable | undefined;

  constructor(options: CheckOptions) {
    this.#o = options;
  }

  /** The seq that was stored last; 0 when there is none. */
  head(topic: TopicId): number {
    return this.#rows.get(topic)?.size ?? 0;
  }

  claimed(owner: string, fences: readonly Fence[], held: ReadonlySet<number>): void {
    for (const { slot, epoch } of fences) {
      if (!held.has(slot)) continue;
      const before = this.#claims.get(slot);
      if (before !== undefined && (before.epoch > epoch || (before.epoch === epoch && before.owner !== owner)))
        this.#o.violate(
          RULE.claimsRise,
          `${owner} claimed slot ${slot} at ${epoch} after ${before.owner} at ${before.epoch}`,
        );
      this.#claims.set(slot, { epoch, owner });
    }
    this.#o.note(`claim ${owner} ${held.size}`);
  }

  appended(owner: string, entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      const { topic, seq, epoch } = entry;
      this.#o.note(`append ${owner} ${topic} ${seq} @${epoch}`);
      const claim = this.#claims.get(this.#o.slotOf(topic));
      if (claim === undefined || epoch < claim.epoch || claim.owner !== owner)
        this.#o.violate(
          RULE.noLowerWrite,
          `${owner} wrote ${topic} seq ${seq} at epoch ${epoch}, claimed by ${claim?.owner ?? 'nobody'} at ${claim?.epoch ?? 0}`,
        );
      this.#addRow(entry);
    }
  }

  #addRow({ topic, seq, ts, payload, user, type, projection }: LogEntry): void {
    const rows = this.#rows.get(topic) ?? new Map<number, Row>();
    this.#rows.set(topic, rows);
    if (projection.kind === 'delete')
      for (const row of rows.values())
        if (row.message === projection.ts || row.ts === projection.ts) row.deletedAt ??= this.#o.now();
    rows.set(seq, {
      ts,
      payload,
      deletedAt: undefined,
      message: projection.kind === 'edit' || projection.kind === 'delete' ? projection.ts : undefined,
    });
    if (type !== 'message') return;
    // People never write the same twice: one text is one client_msg_id, whatever the row has of it.
    const { text } = JSON.parse(payload) as { text: string };
    const first = this.#posts.get(`${topic} ${text}`);
    if (first !== undefined)
      this.#o.violate(RULE.oneMessage, `${user}'s "${text}" is in ${topic} as seq ${first} and as seq ${seq}`);
    this.#posts.set(`${topic} ${text}`, seq);
  }

  /** `by` has committed the table. A server may take slots only from one that had a trouble of its own. */
  tableCommitted(by: string, table: RingTable): void {
    const before = this.#table;
    this.#table = table;
    this.#o.note(`table ${table.epoch} by ${by}`);
    if (before === undefined) return;
    const robbed = new Set<string>();
    for (let slot = 0; slot < table.owner.length; slot++) {
      const owner = before.owner[slot]!;
      if (owner === NONE || owner === table.owner[slot]) continue;
      robbed.add(before.members[owner]!.incarnation);
    }
    robbed.delete(by);
    for (const incarnation of robbed)
      if (!this.#o.health.hadTrouble(incarnation))
        this.#o.violate(RULE.storeFailover, `${by} took over from ${incarnation}, which had no trouble of its own`);
  }

  /** A channel server hands the frame to its kernel. */
  sent(owner: string, frame: Uint8Array): void {
    if (frame[1] !== KIND.event && frame[1] !== KIND.response) return;
    const header = decodeHeader(frame)!;
    if (header.topic === undefined) return;
    if (header.kind === KIND.event) this.#fannedOut(owner, header, bodyOf(frame));
    else this.#answered(owner, header, bodyOf(frame));
  }

  #answered(owner: string, header: Header, body: Buffer): void {
    const [, seq, ts] = POSTED.exec(body.toString('latin1', 0, 80)) ?? [];
    if (seq === undefined) return;
    const row = this.#rows.get(header.topic!)?.get(Number(seq));
    if (row !== undefined && formatTs(row.message ?? row.ts) === ts) return;
    this.#o.violate(
      this.#isFenced(owner, header) ? RULE.fencedAck : RULE.storedBeforeAck,
      `${owner} acknowledged ${header.topic} seq ${seq} ts ${ts} at epoch ${header.epoch}, ${described(row)}`,
    );
  }

  #fannedOut(owner: string, header: Header, body: Buffer): void {
    const { topic, seq, flags, epoch } = header;
    const isMember = (flags & (FLAG.memberJoined | FLAG.memberLeft)) !== 0;
    const payload = body.toString('utf8', isMember ? MEMBER_BYTES : 0);
    const row = this.#rows.get(topic!)?.get(seq);
    const fenced = this.#isFenced(owner, header);
    if (row?.deletedAt !== undefined) {
      // What had been read, or was on its way out, when the delete was committed cannot be called back.
      if (payload === row.payload && !fenced && this.#o.now() - row.deletedAt > READ_MS)
        this.#o.violate(RULE.deletedStaysDeleted, `${owner} sent ${topic} seq ${seq}, deleted since, with its text`);
    } else if (row?.payload !== payload)
      this.#o.violate(
        fenced ? RULE.fencedFanOut : RULE.storedBeforeFanOut,
        `${owner} fanned out ${topic} seq ${seq} at epoch ${epoch}, ${described(row)}`,
      );
  }

  #isFenced(owner: string, { topic, epoch }: Header): boolean {
    const claim = this.#claims.get(this.#o.slotOf(topic!));
    return claim !== undefined && (claim.epoch > epoch || claim.owner !== owner);
  }
}

const described = (row: Row | undefined): string =>
  row === undefined ? 'which the store does not hold' : `where the store holds ts ${formatTs(row.ts)} ${row.payload}`;
