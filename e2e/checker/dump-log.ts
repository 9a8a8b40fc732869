/** Writes the channel log of a store as the checker reads it, streaming. Read-only, and by SQL: the checker shares no code with what it checks. */
import { DatabaseSync } from 'node:sqlite';
import { createConnection } from 'mysql2';
import { JsonlWriter, type LogRow, payloadHash } from '../../dataplane/client/history/index.ts';

/** 64-bit columns as decimal text. */
interface StoredRow {
  topic_id: string;
  workspace_id: string;
  seq: string;
  epoch: string;
  ts: string;
  type: string;
  user_id: string | null;
  client_key: string | null;
  payload: string;
}

const COLUMNS = ['topic_id', 'workspace_id', 'seq', 'epoch', 'ts', 'user_id'].map((c) => `CAST(${c} AS CHAR) AS ${c}`);
const SQL = `SELECT ${COLUMNS.join(', ')}, type, client_key, payload FROM channel_log l ORDER BY l.topic_id, l.seq`;

/** `store`: a STORE_URL. Resolves with the number of rows. */
export async function dumpLog(store: string, file: string): Promise<number> {
  const writer = new JsonlWriter<LogRow>(file);
  const name = new TopicNames();
  let count = 0;
  for await (const row of store.startsWith('mysql:') ? mysqlRows(store) : sqliteRows(store)) {
    writer.write(logRow(row, name));
    count++;
  }
  await writer.close();
  return count;
}

async function* mysqlRows(url: string): AsyncGenerator<StoredRow> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const connection = createConnection({
    host: hostname,
    port: Number(port || 3306),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: pathname.slice(1),
  });
  try {
    for await (const row of connection.query(SQL).stream()) yield row as StoredRow;
  } finally {
    connection.destroy();
  }
}

function* sqliteRows(url: string): Generator<StoredRow> {
  const db = new DatabaseSync(url.replace(/^sqlite:/, ''), { readOnly: true });
  try {
    for (const row of db.prepare(SQL.replaceAll('AS CHAR', 'AS TEXT')).iterate()) yield row as unknown as StoredRow;
  } finally {
    db.close();
  }
}

function logRow(row: StoredRow, names: TopicNames): LogRow {
  const payload = JSON.parse(row.payload) as { subtype?: string; user?: string };
  const changesMember = row.type === 'member_joined_channel' || row.type === 'member_left_channel';
  const micros = row.ts.padStart(7, '0');
  return {
    topic: names.of(row),
    workspace: idText('T', row.workspace_id),
    seq: Number(row.seq),
    epoch: Number(row.epoch),
    ts: `${micros.slice(0, -6)}.${micros.slice(-6)}`,
    type: row.type,
    ...(row.user_id === null ? {} : { user: idText('U', row.user_id) }),
    ...(row.client_key === null ? {} : { client_msg_id: row.client_key }),
    ...(payload.subtype === 'tombstone' ? {} : { hash: payloadHash(row.payload) }),
    ...(changesMember && payload.user !== undefined
      ? { member: { user: payload.user, joined: row.type === 'member_joined_channel' } }
      : {}),
  };
}

const idText = (kind: string, n: string): string => kind + BigInt(n).toString(36).toUpperCase();

/** The store holds numbers; a topic's letter is that by which its own events name it. A user's topic never names itself as a channel. */
class TopicNames {
  #number = '';
  #name = '';

  /** Rows must come topic by topic. */
  of(row: StoredRow): string {
    if (row.topic_id === this.#number) return this.#name;
    this.#number = row.topic_id;
    const kind =
      row.topic_id === row.workspace_id
        ? 'T'
        : 'CDG'.split('').find((k) => row.payload.includes(`"${idText(k, row.topic_id)}"`));
    this.#name = idText(kind ?? 'U', row.topic_id);
    return this.#name;
  }
}
