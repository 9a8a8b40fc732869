/**
 * The history checker: compares what every client saw and was promised with the channel log as it stands afterwards.
 * Pure and streaming: memory grows with the log and the number of views, not with the events delivered.
 */
import { Findings } from './findings.ts';
import { describeRow, type LogIndex } from './log-index.ts';
import type { HistoryRecord, Verdict } from './records.ts';
import { TopicView, type ViewOwner } from './topic-view.ts';

type AckRecord = Extract<HistoryRecord, { kind: 'ack' }>;

interface ClientState {
  owner: ViewOwner;
  views: Map<string, TopicView>;
  ended: boolean;
}

/** Call `record` for all records of each client in order (clients may interleave), then `verdict` once. */
export class HistoryChecker {
  readonly #log: LogIndex;
  readonly #findings: Findings;
  readonly #clients = new Map<string, ClientState>();
  readonly #sent = new Set<string>();
  readonly #acks = new Map<string, { ack: AckRecord; client: string }>();
  #delivered = 0;
  #rawDuplicates = 0;
  #resumes = 0;

  /** `log` must be complete before the first record. */
  constructor(log: LogIndex, maxFindingsOfAKind = 20) {
    this.#log = log;
    this.#findings = new Findings(maxFindingsOfAKind);
    log.check(this.#findings);
  }

  record(client: string, record: HistoryRecord): void {
    if (record.kind === 'open') {
      const owner = { client, workspace: record.workspace, user: record.user };
      this.#clients.set(client, { owner, views: new Map(), ended: false });
      return;
    }
    const state = this.#clients.get(client);
    if (state === undefined) throw new TypeError(`the history of ${client} does not begin with "open"`);
    this.#apply(state, record);
  }

  #apply(state: ClientState, record: Exclude<HistoryRecord, { kind: 'open' }>): void {
    switch (record.kind) {
      case 'subscribed':
        this.#view(state, record.topic).subscribed(record.seq, record.fresh === true);
        break;
      case 'event':
        this.#delivered++;
        this.#view(state, record.topic).event(record);
        break;
      case 'duplicate':
        this.#rawDuplicates++;
        break;
      case 'sent':
        this.#sent.add(postKey(state.owner.user, record));
        break;
      case 'ack':
        this.#ack(state, record);
        break;
      case 'disconnected':
        for (const view of state.views.values()) view.disconnected();
        break;
      case 'resumed':
        this.#resumes++;
        for (const view of state.views.values()) view.resumed();
        break;
      case 'left':
        this.#view(state, record.topic).left();
        break;
      case 'end':
        this.#end(state, record.settled);
    }
  }

  verdict(): Verdict {
    for (const state of this.#clients.values()) this.#end(state, false);
    const counts = this.#findings.counts;
    return {
      holds: Object.values(counts).every((n) => n === 0),
      clients: this.#clients.size,
      sent: this.#sent.size,
      acknowledged: this.#acks.size,
      delivered: this.#delivered,
      raw_duplicates: this.#rawDuplicates,
      resumes: this.#resumes,
      ...counts,
      findings: this.#findings.kept,
    };
  }

  #ack(state: ClientState, ack: AckRecord): void {
    const { client, user } = state.owner;
    const key = postKey(user, ack);
    this.#sent.add(key);
    const first = this.#acks.get(key);
    if (first === undefined) {
      this.#acks.set(key, { ack, client });
      this.#checkStored(client, user, ack);
    } else if (first.ack.seq !== ack.seq || first.ack.ts !== ack.ts)
      this.#findings.add({
        kind: 'duplicated',
        client,
        topic: ack.topic,
        seq: ack.seq,
        message: `client_msg_id ${ack.client_msg_id} was acknowledged as seq ${first.ack.seq} and as seq ${ack.seq} of ${ack.topic}`,
        history: [describeAck(first.client, first.ack), describeAck(client, ack)],
      });
    if (ack.via !== 'socket') return;
    if (first === undefined) this.#delivered++;
    this.#view(state, ack.topic).ack(ack.seq);
  }

  #checkStored(client: string, user: string, ack: AckRecord): void {
    const row = this.#log.row(ack.topic, ack.seq);
    // A key of "~…" in the log is a server's own: then the client gave none, and only seq and ts can be compared.
    const key = row?.client_msg_id?.startsWith('~') ? ack.client_msg_id : row?.client_msg_id;
    if (row !== undefined && row.ts === ack.ts && row.user === user && key === ack.client_msg_id) return;
    const elsewhere = this.#log.findPost(ack.topic, ack.client_msg_id);
    const place = row ?? elsewhere;
    this.#findings.add({
      kind: 'lost',
      client,
      topic: ack.topic,
      seq: ack.seq,
      message: `${client}'s post ${ack.client_msg_id} was acknowledged as seq ${ack.seq} of ${ack.topic}, and the log ${
        elsewhere === undefined ? 'does not hold it' : `holds it as seq ${elsewhere.seq}, ts ${elsewhere.ts}`
      }`,
      history: [
        describeAck(client, ack),
        place === undefined ? `log: no ${ack.topic} seq=${ack.seq}` : describeRow(place),
      ],
    });
  }

  #end(state: ClientState, settled: boolean): void {
    if (state.ended) return;
    state.ended = true;
    // A channel that the client never heard of is missed too, if its user is a member at the end.
    if (settled)
      for (const topic of this.#log.topics())
        if (this.#log.intervals(topic, state.owner.user).at(-1)?.to === Number.POSITIVE_INFINITY)
          this.#view(state, topic);
    for (const view of state.views.values()) view.end(settled);
    state.views.clear();
  }

  #view(state: ClientState, topic: string): TopicView {
    let view = state.views.get(topic);
    if (view === undefined) {
      view = new TopicView(topic, state.owner, this.#log, this.#findings);
      state.views.set(topic, view);
    }
    return view;
  }
}

const postKey = (user: string, post: { topic: string; client_msg_id: string }): string =>
  `${user} ${post.topic} ${post.client_msg_id}`;

const describeAck = (client: string, ack: AckRecord): string =>
  `${client}: ack ${ack.topic} seq=${ack.seq} ts=${ack.ts} client_msg_id=${ack.client_msg_id} (${ack.via})`;
