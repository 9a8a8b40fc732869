/** The statements of one append: the log rows and what their projections change, all on the topics' shard. Pure. */
import { numberOf } from '../../cells/contract/ids.ts';
import { type Dialect, type Param, type Statement, statement } from '../../cells/contract/sql/database.ts';
import { chunks, insert, insertOrRaise } from '../../cells/contract/sql/statements.ts';
import { CHANNEL_COLUMNS, channelValues, EVENT_COLUMNS } from './rows.ts';
import type { LogEntry } from './store.ts';

type Of<K extends LogEntry['projection']['kind']> = LogEntry & { projection: { kind: K } };

const LOG_COLUMNS = ['topic_id', ...EVENT_COLUMNS];
const MESSAGE_COLUMNS = [
  'workspace_id',
  'topic_id',
  'ts',
  'seq',
  'user_id',
  'client_key',
  'payload',
  'deleted',
] as const;

/** Inserts come before edits and deletes, so that an edit finds a message of its own batch. */
export function appendStatements(dialect: Dialect, entries: readonly LogEntry[]): Statement[] {
  const messages = entries.filter((e) => e.projection.kind === 'message');
  const channels = entries.filter((e) => of(e, 'channel'));
  const members = entries.filter((e) => of(e, 'member'));
  const raise = (
    table: string,
    columns: readonly string[],
    key: readonly string[],
    rows: readonly Param[][],
  ): Statement[] => chunks(rows).map((r) => insertOrRaise(dialect, { table, columns, rows: r }, key, 'seq'));
  return [
    ...inserts('channel_log', LOG_COLUMNS, entries.map(logValues)),
    ...inserts('messages', MESSAGE_COLUMNS, messages.map(messageValues)),
    ...raise(
      'channels',
      CHANNEL_COLUMNS,
      ['topic_id'],
      channels.map((e) => channelValues(e.projection.channel, e.seq)),
    ),
    ...raise('channel_to_users', MEMBER_COLUMNS, ['topic_id', 'user_id'], members.map(memberValues)),
    ...entries.flatMap((e) => (of(e, 'edit') ? editStatements(e) : of(e, 'delete') ? deleteStatements(e) : [])),
  ];
}

const of = <K extends LogEntry['projection']['kind']>(entry: LogEntry, kind: K): entry is Of<K> =>
  entry.projection.kind === kind;

const inserts = (table: string, columns: readonly string[], rows: readonly Param[][]): Statement[] =>
  chunks(rows).map((r) => insert({ table, columns, rows: r }));

const logValues = (e: LogEntry): Param[] => [
  numberOf(e.topic),
  e.seq,
  e.epoch,
  numberOf(e.workspace),
  e.ts,
  e.type,
  e.user === undefined ? null : numberOf(e.user),
  e.clientKey ?? null,
  e.payload,
];

function messageValues(e: LogEntry): Param[] {
  if (e.user === undefined) throw new TypeError(`message ${e.topic}/${e.seq} has no user`);
  return [numberOf(e.workspace), numberOf(e.topic), e.ts, e.seq, numberOf(e.user), e.clientKey ?? null, e.payload, 0];
}

const MEMBER_COLUMNS = ['workspace_id', 'topic_id', 'user_id', 'seq', 'member'] as const;

const memberValues = (e: Of<'member'>): Param[] => [
  numberOf(e.workspace),
  numberOf(e.topic),
  numberOf(e.projection.user),
  e.seq,
  e.projection.member ? 1 : 0,
];

function editStatements(e: Of<'edit'>): Statement[] {
  const [workspace, topic, { ts, payload }] = [numberOf(e.workspace), numberOf(e.topic), e.projection];
  return [
    statement(
      'UPDATE messages SET payload = ? WHERE workspace_id = ? AND topic_id = ? AND ts = ? AND deleted = 0',
      payload,
      workspace,
      topic,
      ts,
    ),
    insert({
      table: 'message_edits',
      columns: ['workspace_id', 'topic_id', 'ts', 'seq'],
      rows: [[workspace, topic, ts, e.seq]],
    }),
  ];
}

/**
 * The text goes from every row that holds it: the message, its log row, and the log rows of its edits. An edit's row
 * keeps its own seq in the tombstone, so that a replay has no gap.
 */
function deleteStatements(e: Of<'delete'>): Statement[] {
  const [workspace, topic, { ts, tombstone }] = [numberOf(e.workspace), numberOf(e.topic), e.projection];
  return [
    statement(
      `UPDATE channel_log SET payload = ? WHERE workspace_id = ? AND topic_id = ?
         AND seq = (SELECT seq FROM messages WHERE topic_id = ? AND ts = ?)`,
      tombstone,
      workspace,
      topic,
      topic,
      ts,
    ),
    statement(
      `UPDATE channel_log SET payload = JSON_SET(?, '$.seq', seq) WHERE workspace_id = ? AND topic_id = ?
         AND seq IN (SELECT seq FROM message_edits WHERE topic_id = ? AND ts = ?)`,
      tombstone,
      workspace,
      topic,
      topic,
      ts,
    ),
    statement(
      'UPDATE messages SET payload = ?, deleted = 1 WHERE workspace_id = ? AND topic_id = ? AND ts = ?',
      tombstone,
      workspace,
      topic,
      ts,
    ),
  ];
}
