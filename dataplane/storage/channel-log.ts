import { numberOf, type TopicId, type UserId, userId, type WorkspaceId } from '../../cells/contract/ids.ts';
import {
  bigintOf,
  type Database,
  numberColumn,
  type Param,
  type Row,
  statement,
} from '../../cells/contract/sql/database.ts';
import { chunks, insertOrRaise, placeholders } from '../../cells/contract/sql/statements.ts';
import { appendStatements } from './append-statements.ts';
import { assertCovered, assertHeld, heldFences, raiseFences, readFences } from './fences.ts';
import { CHANNEL_COLUMNS, channelOf, EVENT_COLUMNS, eventOf, MESSAGE_COLUMNS, messageOf } from './rows.ts';
import type { ChannelLog, ChannelRow, Fence, Head, LogEntry, MessageRow, StoredEvent } from './store.ts';

type ClientKey = Parameters<ChannelLog['findByClientKey']>[0][number];
type HistoryQuery = Parameters<ChannelLog['history']>[2];

/** An OR of this many keys stays well below SQLite's depth of an expression. */
const KEYS_PER_QUERY = 100;

export class SqlChannelLog implements ChannelLog {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async claim(owner: string, fences: readonly Fence[]): Promise<Set<number>> {
    const held = new Set<number>();
    // A transaction for each 500: a claim is good slot by slot, and locks are held briefly.
    for (const some of chunks(fences)) {
      const [, read] = await this.#db.write([raiseFences(this.#db.dialect, owner, some), readFences(some)]);
      for (const slot of heldFences(owner, some, read!)) held.add(slot);
    }
    return held;
  }

  async append(owner: string, fences: readonly Fence[], entries: readonly LogEntry[]): Promise<void> {
    assertCovered(fences, entries);
    if (fences.length === 0) return;
    const writes = appendStatements(this.#db.dialect, entries);
    await this.#db.transaction([readFences(fences, this.#db.dialect.forShare)], ([read]) => {
      assertHeld(owner, fences, read!);
      return writes;
    });
  }

  async heads(topics: readonly TopicId[]): Promise<Map<TopicId, Head>> {
    const heads = new Map<TopicId, Head>(topics.map((t) => [t, { seq: 0, ts: 0n }]));
    const byNumber = new Map([...heads.keys()].map((t) => [numberOf(t), t]));
    for (const numbers of chunks([...byNumber.keys()])) {
      const rows =
        this.#db.dialect.name === 'mysql' ? await this.#headsAtOnce(numbers) : await this.#headsEach(numbers);
      for (const row of rows)
        heads.set(byNumber.get(bigintOf(row.topic_id))!, {
          seq: numberColumn(row.seq),
          ts: bigintOf(row.ts),
        });
    }
    return heads;
  }

  /** MySQL reads one index entry a topic for MAX under GROUP BY. */
  #headsAtOnce(numbers: readonly bigint[]): Promise<Record<string, unknown>[]> {
    const list = placeholders(numbers.length);
    return this.#db.query({
      sql: `SELECT l.topic_id, l.seq, l.ts FROM channel_log l JOIN (
              SELECT topic_id, MAX(seq) AS seq FROM channel_log WHERE topic_id IN (${list}) GROUP BY topic_id
            ) last ON l.topic_id = last.topic_id AND l.seq = last.seq`,
      params: numbers,
    });
  }

  /** SQLite would read every row for that; a query costs it no round trip. */
  async #headsEach(numbers: readonly bigint[]): Promise<Record<string, unknown>[]> {
    const sql = 'SELECT topic_id, seq, ts FROM channel_log WHERE topic_id = ? ORDER BY seq DESC LIMIT 1';
    const each = await Promise.all(numbers.map((n) => this.#db.query(statement(sql, n))));
    return each.flat();
  }

  async findByClientKey(keys: readonly ClientKey[]): Promise<(StoredEvent | undefined)[]> {
    const found = new Map<string, StoredEvent>();
    for (const some of chunks(keys, KEYS_PER_QUERY)) {
      const topics = new Map(some.map((k) => [numberOf(k.topic), k.topic]));
      const rows = await this.#db.query({
        // The list of topics says nothing new: it names the shards to a vtgate.
        sql: `SELECT topic_id, ${EVENT_COLUMNS.join(',')} FROM channel_log
              WHERE topic_id IN (${placeholders(topics.size)})
                AND (${some.map(() => '(topic_id = ? AND user_id = ? AND client_key = ?)').join(' OR ')})`,
        params: [...topics.keys(), ...some.flatMap((k) => [numberOf(k.topic), numberOf(k.user), k.clientKey])],
      });
      for (const row of rows) {
        const event = eventOf(topics.get(bigintOf(row.topic_id))!, row);
        found.set(keyText(event.topic, event.user!, event.clientKey!), event);
      }
    }
    return keys.map((k) => found.get(keyText(k.topic, k.user, k.clientKey)));
  }

  async read(topic: TopicId, afterSeq: number, limit: number): Promise<StoredEvent[]> {
    const rows = await this.#db.query(
      statement(
        `SELECT ${EVENT_COLUMNS.join(',')} FROM channel_log WHERE topic_id = ? AND seq > ? ORDER BY seq LIMIT ?`,
        numberOf(topic),
        afterSeq,
        limit,
      ),
    );
    return rows.map((row) => eventOf(topic, row));
  }

  async history(workspace: WorkspaceId, topic: TopicId, query: HistoryQuery): Promise<MessageRow[]> {
    const bounds: [string, bigint | undefined][] = [
      [query.inclusive ? '>=' : '>', query.oldest],
      [query.inclusive ? '<=' : '<', query.latest],
    ];
    const given = bounds.filter((b): b is [string, bigint] => b[1] !== undefined);
    const rows = await this.#db.query({
      sql: `SELECT ${MESSAGE_COLUMNS.join(',')} FROM messages
            WHERE workspace_id = ? AND topic_id = ? AND deleted = 0${given.map(([op]) => ` AND ts ${op} ?`).join('')}
            ORDER BY ts DESC LIMIT ?`,
      params: [numberOf(workspace), numberOf(topic), ...given.map(([, ts]) => ts), query.limit],
    });
    return rows.map((row) => messageOf(topic, row));
  }

  async message(workspace: WorkspaceId, topic: TopicId, ts: bigint): Promise<MessageRow | undefined> {
    const [row] = await this.#db.query(
      statement(
        `SELECT ${MESSAGE_COLUMNS.join(',')} FROM messages
         WHERE workspace_id = ? AND topic_id = ? AND ts = ? AND deleted = 0`,
        numberOf(workspace),
        numberOf(topic),
        ts,
      ),
    );
    return row && messageOf(topic, row);
  }

  async channel(workspace: WorkspaceId, topic: TopicId): Promise<ChannelRow | undefined> {
    const [row] = await this.#db.query(
      statement(
        `SELECT ${CHANNEL_COLUMNS.join(',')} FROM channels WHERE workspace_id = ? AND topic_id = ?`,
        numberOf(workspace),
        numberOf(topic),
      ),
    );
    return row && channelOf(row);
  }

  async channels(topics: readonly TopicId[]): Promise<Map<TopicId, ChannelRow>> {
    const found = new Map<TopicId, ChannelRow>();
    const rows = await this.#ofTopics(`SELECT ${CHANNEL_COLUMNS.join(',')} FROM channels`, topics);
    for (const row of rows) {
      const channel = channelOf(row);
      found.set(channel.id, channel);
    }
    return found;
  }

  async areMembers(pairs: readonly { topic: TopicId; user: UserId }[]): Promise<boolean[]> {
    const found = new Set<string>();
    for (const some of chunks(pairs, KEYS_PER_QUERY)) {
      const topics = new Set(some.map((p) => numberOf(p.topic)));
      const rows = await this.#db.query({
        // The list of topics says nothing new: it names the shards to a vtgate.
        sql: `SELECT topic_id, user_id FROM channel_to_users WHERE member = 1
                AND topic_id IN (${placeholders(topics.size)})
                AND (${some.map(() => '(topic_id = ? AND user_id = ?)').join(' OR ')})`,
        params: [...topics, ...some.flatMap((p) => [numberOf(p.topic), numberOf(p.user)])],
      });
      for (const row of rows) found.add(`${bigintOf(row.topic_id)} ${bigintOf(row.user_id)}`);
    }
    return pairs.map(({ topic, user }) => found.has(`${numberOf(topic)} ${numberOf(user)}`));
  }

  async members(topic: TopicId, page: { after?: UserId; limit: number }): Promise<UserId[]> {
    const after: Param[] = page.after === undefined ? [] : [numberOf(page.after)];
    const rows = await this.#db.query({
      sql: `SELECT user_id FROM channel_to_users WHERE topic_id = ? AND member = 1
            ${after.length > 0 ? 'AND user_id > ?' : ''} ORDER BY user_id LIMIT ?`,
      params: [numberOf(topic), ...after, page.limit],
    });
    return rows.map((row) => userId(bigintOf(row.user_id)));
  }

  async projectedSeqs(topics: readonly TopicId[]): Promise<Map<TopicId, number>> {
    const byNumber = new Map(topics.map((t) => [numberOf(t), t]));
    const rows = await this.#ofTopics('SELECT topic_id, seq FROM topic_projection', topics);
    return new Map(rows.map((row) => [byNumber.get(bigintOf(row.topic_id))!, numberColumn(row.seq)]));
  }

  async setProjectedSeq(topic: TopicId, seq: number): Promise<void> {
    const what = { table: 'topic_projection', columns: ['topic_id', 'seq'], rows: [[numberOf(topic), seq]] };
    await this.#db.write([insertOrRaise(this.#db.dialect, what, ['topic_id'], 'seq')]);
  }

  /** Rows of a table whose key is the topic. */
  async #ofTopics(select: string, topics: readonly TopicId[]): Promise<Row[]> {
    const rows: Row[] = [];
    for (const some of chunks([...new Set(topics)]))
      rows.push(
        ...(await this.#db.query({
          sql: `${select} WHERE topic_id IN (${placeholders(some.length)})`,
          params: some.map(numberOf),
        })),
      );
    return rows;
  }
}

const keyText = (topic: TopicId, user: UserId, clientKey: string): string => `${topic} ${user} ${clientKey}`;
