import { createHash } from 'node:crypto';
import { numberOf, type TopicId, type UserId, type WorkspaceId } from '../../cells/contract/ids.ts';
import {
  type Database,
  numberColumn,
  type Param,
  type Statement,
  statement,
} from '../../cells/contract/sql/database.ts';
import { chunks, insertOrKeep, insertOrRaise, placeholders } from '../../cells/contract/sql/statements.ts';
import { CHANNEL_COLUMNS, channelOf, channelValues, topicOf, USER_COLUMNS, userOf, userValues } from './rows.ts';
import type { ChannelRow, Directory, Membership, UserRow } from './store.ts';

const USER_KEY = ['workspace_id', 'user_id'];
const CHANNEL_KEY = ['workspace_id', 'topic_id'];

export class SqlDirectory implements Directory {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async provisionUser(user: UserRow): Promise<{ user: UserRow; created: boolean } | undefined> {
    const [there] = await this.#db.query(this.#selectUsers(user.workspace, [user.id])); // nearly always
    if (there) return { user: userOf(there), created: false };
    if (!(await this.#isAtHome(user))) return undefined;
    const what = { table: 'users', columns: USER_COLUMNS, rows: [userValues(user)] };
    const [inserted, read] = await this.#db.write([
      insertOrKeep(this.#db.dialect, what, USER_KEY),
      this.#selectUsers(user.workspace, [user.id]),
    ]);
    return { user: userOf(read!.rows[0]!), created: inserted!.changes === 1 };
  }

  /** First come, first served. On the shard of the user's topic, so not in the transaction that makes the user. */
  async #isAtHome({ id, workspace }: UserRow): Promise<boolean> {
    const what = {
      table: 'user_home',
      columns: ['user_id', 'workspace_id'],
      rows: [[numberOf(id), numberOf(workspace)]],
    };
    const [, read] = await this.#db.write([
      insertOrKeep(this.#db.dialect, what, ['user_id']),
      statement('SELECT 1 FROM user_home WHERE user_id = ? AND workspace_id = ?', numberOf(id), numberOf(workspace)),
    ]);
    return read!.rows.length > 0;
  }

  async users(workspace: WorkspaceId, ids: readonly UserId[]): Promise<Map<UserId, UserRow>> {
    const found = new Map<UserId, UserRow>();
    for (const some of chunks(ids)) {
      const rows = await this.#db.query(this.#selectUsers(workspace, some));
      for (const user of rows.map(userOf)) found.set(user.id, user);
    }
    return found;
  }

  async listUsers(workspace: WorkspaceId, page: { after?: UserId; limit: number }): Promise<UserRow[]> {
    const after: Param[] = page.after === undefined ? [] : [numberOf(page.after)];
    const rows = await this.#db.query({
      sql: `SELECT ${USER_COLUMNS.join(',')} FROM users WHERE workspace_id = ?
            ${after.length > 0 ? 'AND user_id > ?' : ''} ORDER BY user_id LIMIT ?`,
      params: [numberOf(workspace), ...after, page.limit],
    });
    return rows.map(userOf);
  }

  reserveName(workspace: WorkspaceId, name: string, channel: TopicId): Promise<TopicId> {
    return this.#reserve('channel_names', 'name', workspace, name, channel);
  }

  reserveDm(workspace: WorkspaceId, users: readonly UserId[], channel: TopicId): Promise<TopicId> {
    const numbers = [...new Set(users.map(numberOf))].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const hash = createHash('sha256').update(numbers.join(',')).digest('hex');
    return this.#reserve('dm_keys', 'users_hash', workspace, hash, channel);
  }

  async applyMembership(user: UserId, channel: ChannelRow, member: boolean, seq: number): Promise<void> {
    const what = {
      table: 'user_to_channels',
      columns: ['workspace_id', 'user_id', 'topic_id', 'seq', 'member'],
      rows: [[numberOf(channel.workspace), numberOf(user), numberOf(channel.id), seq, member ? 1 : 0]],
    };
    await this.#db.write([
      insertOrRaise(this.#db.dialect, what, [...USER_KEY, 'topic_id'], 'seq'),
      // The channel as the membership's event knew it, below any of its own events: those come by applyChannel.
      insertOrKeep(this.#db.dialect, channelInsert(channel, 0), CHANNEL_KEY),
    ]);
  }

  async applyChannel(channel: ChannelRow, seq: number): Promise<void> {
    await this.#db.write([insertOrRaise(this.#db.dialect, channelInsert(channel, seq), CHANNEL_KEY, 'seq')]);
  }

  async memberships(workspace: WorkspaceId, user: UserId): Promise<Membership[]> {
    const rows = await this.#db.query(
      statement(
        `SELECT u.seq AS member_seq, ${CHANNEL_COLUMNS.map((c) => `c.${c} AS ${c}`).join(', ')}
         FROM user_to_channels u
         JOIN workspace_channels c ON c.workspace_id = u.workspace_id AND c.topic_id = u.topic_id
         WHERE u.workspace_id = ? AND u.user_id = ? AND u.member = 1 ORDER BY u.topic_id`,
        numberOf(workspace),
        numberOf(user),
      ),
    );
    return rows.map((row) => ({ channel: channelOf(row), seq: numberColumn(row.member_seq) }));
  }

  async listChannels(workspace: WorkspaceId, page: { after?: TopicId; limit: number }): Promise<ChannelRow[]> {
    const after: Param[] = page.after === undefined ? [] : [numberOf(page.after)];
    const rows = await this.#db.query({
      sql: `SELECT ${CHANNEL_COLUMNS.join(',')} FROM workspace_channels WHERE workspace_id = ? AND is_private = 0
            ${after.length > 0 ? 'AND topic_id > ?' : ''} ORDER BY topic_id LIMIT ?`,
      params: [numberOf(workspace), ...after, page.limit],
    });
    return rows.map(channelOf);
  }

  #selectUsers(workspace: WorkspaceId, ids: readonly UserId[]): Statement {
    return {
      sql: `SELECT ${USER_COLUMNS.join(',')} FROM users
            WHERE workspace_id = ? AND user_id IN (${placeholders(ids.length)})`,
      params: [numberOf(workspace), ...ids.map(numberOf)],
    };
  }

  /** The first row stays; whoever comes later reads whose it is. */
  async #reserve(
    table: string,
    column: string,
    workspace: WorkspaceId,
    value: string,
    channel: TopicId,
  ): Promise<TopicId> {
    const what = {
      table,
      columns: ['workspace_id', column, 'topic_id', 'kind'],
      rows: [[numberOf(workspace), value, numberOf(channel), channel.slice(0, 1)]],
    };
    const [, read] = await this.#db.write([
      insertOrKeep(this.#db.dialect, what, ['workspace_id', column]),
      statement(
        `SELECT topic_id, kind FROM ${table} WHERE workspace_id = ? AND ${column} = ?`,
        numberOf(workspace),
        value,
      ),
    ]);
    const row = read!.rows[0]!;
    return topicOf(row.kind, row.topic_id);
  }
}

const channelInsert = (channel: ChannelRow, seq: number) => ({
  table: 'workspace_channels',
  columns: CHANNEL_COLUMNS,
  rows: [channelValues(channel, seq)],
});
