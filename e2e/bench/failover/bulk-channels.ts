/** Many channels at once, written straight into the store: all of them in slots of one channel server. */
import { createConnection } from 'mysql2/promise';
import { EPOCH_MS, formatTs, numberOf, topicId } from '../../../cells/contract/ids.ts';
import { slotOf } from '../../../cells/contract/slot.ts';
import { ownedSlots } from './owned-slots.ts';

const ROWS = 1_000;
/** Their ids are of a time when nobody made any. */
const AGE_MS = 86_400_000;

export interface BulkChannels {
  /** STORE_URL of MySQL. */
  store: string;
  ring: string;
  /** Pod of the channel server that is to own them. */
  owner: string;
  workspaceId: string;
  /** Each channel has one of them as its only member, in turn. */
  users: readonly string[];
  count: number;
}

/** The channels' ids, by user. They are public, and their logs hold three events: they were made, the user joined, and wrote. */
export async function createChannels(of: BulkChannels): Promise<Map<string, string[]>> {
  const slots = await ownedSlots(of.store, of.ring, [of.owner]);
  if (slots.size === 0) throw new Error(`${of.owner} owns no slots of ${of.ring}`);
  const ids = idsIn(slots, of.count);
  const made = new Map<string, string[]>(of.users.map((user) => [user, []]));
  const { hostname, port, username, password, pathname } = new URL(of.store);
  const connection = await createConnection({
    ...{ host: hostname, port: Number(port || 3306), database: pathname.slice(1) },
    ...{ user: decodeURIComponent(username), password: decodeURIComponent(password) },
  });
  try {
    for (let at = 0; at < ids.length; at += ROWS) {
      const some = ids.slice(at, at + ROWS).map((id, i) => ({ id, user: of.users[(at + i) % of.users.length]! }));
      for (const { id, user } of some) made.get(user)!.push(topicId('C', id));
      for (const [table, rows] of Object.entries(rowsOf(of.workspaceId, some)))
        await connection.query(`INSERT INTO ${table} VALUES ?`, [rows]);
    }
  } finally {
    await connection.end();
  }
  return made;
}

function idsIn(slots: ReadonlySet<number>, count: number): bigint[] {
  const ids: bigint[] = [];
  for (let id = BigInt(Date.now() - AGE_MS - EPOCH_MS) << 22n; ids.length < count; id++)
    if (slots.has(slotOf(topicId('C', id)))) ids.push(id);
  return ids;
}

type Row = (string | number | null)[];

/** Rows of each table, in the order of its columns (dataplane/storage/schema.ts). */
function rowsOf(workspaceId: string, some: readonly { id: bigint; user: string }[]): Record<string, Row[]> {
  const workspace = numberOf(workspaceId).toString();
  const created = Math.floor(Date.now() / 1_000) - AGE_MS / 1_000;
  const micros = BigInt(created) * 1_000_000n;
  const tables: Record<string, Row[]> = {
    ...{ channel_log: [], channels: [], channel_to_users: [], topic_projection: [] },
    ...{ workspace_channels: [], user_to_channels: [] },
  };
  for (const { id, user } of some) {
    const topic = id.toString();
    const member = numberOf(user).toString();
    const name = `bulk-${topic}`;
    const channel: Row = ['C', name, 0, 0, member, created];
    const at = { channel: topicId('C', id), team: workspaceId, ts: formatTs(micros) };
    const made = { type: 'channel_created', channel: { id: at.channel, name }, topic: at.channel, ts: at.ts, seq: 1 };
    const joined = { type: 'member_joined_channel', user, ...at, channel_type: 'C', ts: formatTs(micros + 1n), seq: 2 };
    const wrote = { type: 'message', user, ...at, text: 'hello', ts: formatTs(micros + 2n), seq: 3 };
    tables.channel_log!.push(
      [topic, 1, 0, workspace, micros.toString(), made.type, member, null, JSON.stringify(made)],
      [topic, 2, 0, workspace, (micros + 1n).toString(), joined.type, member, null, JSON.stringify(joined)],
      [topic, 3, 0, workspace, (micros + 2n).toString(), wrote.type, member, null, JSON.stringify(wrote)],
    );
    tables.channels!.push([workspace, topic, 1, ...channel]);
    tables.channel_to_users!.push([workspace, topic, member, 2, 1]);
    tables.topic_projection!.push([topic, 2]);
    tables.workspace_channels!.push([workspace, topic, 1, ...channel]);
    tables.user_to_channels!.push([workspace, member, topic, 2, 1]);
  }
  return tables;
}
