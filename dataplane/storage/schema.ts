/**
 * The schema, as versioned steps that only go forward. A step that has been released is never edited.
 *
 * MySQL commits at each DDL statement, so a step may be run again from its start: every statement of it must bear
 * that (IF NOT EXISTS, insert-or-keep).
 *
 * Steps run while the version before still serves, and a rollback finds them done: see `GENERATION`.
 *
 * Ready for Vitess: no foreign key, no AUTO_INCREMENT, and all that one transaction writes lies on one shard. The
 * vindex of each table stands beside it. `topic` tables: xxhash(topic_id). `directory` tables: xxhash(workspace_id).
 * slot_fence: numeric(ksid), which is the start of the slot's key range, so that it lies with its slot's topics.
 * `control` tables: one unsharded keyspace.
 *
 * Ids are 63-bit numbers; `kind` is the letter of an id whose table holds several kinds. Times: `ts` microseconds,
 * `*_ms` milliseconds, `created` seconds.
 */
import { ringTables, slotLoadTable } from '../../cells/contract/ring-store-sql.ts';
import { type Dialect, type Statement, statement } from '../../cells/contract/sql/database.ts';
import { insertOrKeep } from '../../cells/contract/sql/statements.ts';

export interface Migration {
  version: number;
  name: string;
  statements(dialect: Dialect): Statement[];
}

/**
 * Steps of one thousand leave a store that every version of that thousand can work on, older ones too. A step that older
 * versions cannot bear, as one that drops a column, begins the next thousand, a release after the last that needs it.
 */
export const GENERATION = 1_000;

export const WORKERS = 1024;

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'initial',
    statements: (dialect) => [
      ...[...topicTables(dialect), ...directoryTables(dialect), ...controlTables(dialect), ...ringTables(dialect)].map(
        (sql) => statement(sql),
      ),
      allWorkers(dialect),
    ],
  },
  { version: 2, name: 'slot-loads', statements: (dialect) => [statement(slotLoadTable(dialect))] },
  { version: 3, name: 'user-home', statements: (dialect) => [statement(userHomeTable(dialect)), homesOfUsers] },
];

const table = (dialect: Dialect, name: string, lines: readonly string[]): string =>
  `CREATE TABLE IF NOT EXISTS ${name} (\n  ${lines.join(',\n  ')}\n)${dialect.tableOptions}`;

const topicTables = (dialect: Dialect): string[] => [
  // The log and outbox: every durable event of a topic. vindex: xxhash(topic_id)
  table(dialect, 'channel_log', [
    'topic_id BIGINT UNSIGNED NOT NULL',
    'seq BIGINT NOT NULL',
    'epoch BIGINT NOT NULL',
    'workspace_id BIGINT UNSIGNED NOT NULL',
    'ts BIGINT NOT NULL',
    'type VARCHAR(32) NOT NULL',
    'user_id BIGINT UNSIGNED NULL',
    'client_key VARCHAR(255) NULL',
    'payload MEDIUMTEXT NOT NULL',
    'PRIMARY KEY (topic_id, seq)',
    // The idempotency index. A NULL never equals another: events without a key are not in it.
    'CONSTRAINT channel_log_client_key UNIQUE (topic_id, user_id, client_key)',
  ]),
  // Messages as they read now; a deleted one stays, without its text. vindex: xxhash(topic_id)
  table(dialect, 'messages', [
    'workspace_id BIGINT UNSIGNED NOT NULL',
    'topic_id BIGINT UNSIGNED NOT NULL',
    'ts BIGINT NOT NULL',
    'seq BIGINT NOT NULL',
    'user_id BIGINT UNSIGNED NOT NULL',
    'client_key VARCHAR(255) NULL',
    'payload MEDIUMTEXT NOT NULL',
    'deleted SMALLINT NOT NULL',
    'PRIMARY KEY (topic_id, ts)',
  ]),
  // Where in the log the older and newer texts of an edited message stand. vindex: xxhash(topic_id)
  table(dialect, 'message_edits', [
    'workspace_id BIGINT UNSIGNED NOT NULL',
    'topic_id BIGINT UNSIGNED NOT NULL',
    'ts BIGINT NOT NULL',
    'seq BIGINT NOT NULL',
    'PRIMARY KEY (topic_id, ts, seq)',
  ]),
  // vindex: xxhash(topic_id)
  table(dialect, 'channels', [
    'workspace_id BIGINT UNSIGNED NOT NULL',
    'topic_id BIGINT UNSIGNED NOT NULL',
    'seq BIGINT NOT NULL',
    ...CHANNEL_COLUMNS,
    'PRIMARY KEY (topic_id)',
  ]),
  // Who is in a channel, which decides what they may read. A row of one who left keeps its seq. vindex: xxhash(topic_id)
  table(dialect, 'channel_to_users', [
    'workspace_id BIGINT UNSIGNED NOT NULL',
    'topic_id BIGINT UNSIGNED NOT NULL',
    'user_id BIGINT UNSIGNED NOT NULL',
    'seq BIGINT NOT NULL',
    'member SMALLINT NOT NULL',
    'PRIMARY KEY (topic_id, user_id)',
  ]),
  // How far a topic's log has been carried to other topics and to the directory. vindex: xxhash(topic_id)
  table(dialect, 'topic_projection', [
    'topic_id BIGINT UNSIGNED NOT NULL',
    'seq BIGINT NOT NULL',
    'PRIMARY KEY (topic_id)',
  ]),
  // The owner of each slot. ksid: slotStart(slot). vindex: numeric(ksid)
  table(dialect, 'slot_fence', [
    'ksid BIGINT UNSIGNED NOT NULL',
    'ring VARCHAR(253) NOT NULL',
    'epoch BIGINT NOT NULL',
    'owner VARCHAR(191) NOT NULL',
    'PRIMARY KEY (ksid, ring)',
  ]),
];

/** Whose a user's id is: ids and topics of users are one space for all workspaces. vindex: xxhash(user_id) */
const userHomeTable = (dialect: Dialect): string =>
  table(dialect, 'user_home', [
    'user_id BIGINT UNSIGNED NOT NULL',
    'workspace_id BIGINT UNSIGNED NOT NULL',
    'PRIMARY KEY (user_id)',
  ]);

/** Of users that are there already. */
const homesOfUsers = statement(
  `INSERT INTO user_home (user_id, workspace_id)
   SELECT u.user_id, MIN(u.workspace_id) FROM users u
   WHERE NOT EXISTS (SELECT 1 FROM user_home h WHERE h.user_id = u.user_id) GROUP BY u.user_id`,
);

const CHANNEL_COLUMNS = [
  'kind CHAR(1) NOT NULL',
  'name VARCHAR(255) NOT NULL',
  'is_private SMALLINT NOT NULL',
  'is_archived SMALLINT NOT NULL',
  'creator_id BIGINT UNSIGNED NOT NULL',
  'created BIGINT NOT NULL',
];

const directoryTables = (dialect: Dialect): string[] => [
  // vindex of all of them: xxhash(workspace_id)
  table(dialect, 'users', [
    'workspace_id BIGINT UNSIGNED NOT NULL',
    'user_id BIGINT UNSIGNED NOT NULL',
    'name VARCHAR(255) NOT NULL',
    'email VARCHAR(320) NULL',
    'roles VARCHAR(1000) NOT NULL',
    'deleted SMALLINT NOT NULL',
    'PRIMARY KEY (workspace_id, user_id)',
  ]),
  table(dialect, 'workspace_channels', [
    'workspace_id BIGINT UNSIGNED NOT NULL',
    'topic_id BIGINT UNSIGNED NOT NULL',
    'seq BIGINT NOT NULL',
    ...CHANNEL_COLUMNS,
    'PRIMARY KEY (workspace_id, topic_id)',
  ]),
  table(dialect, 'user_to_channels', [
    'workspace_id BIGINT UNSIGNED NOT NULL',
    'user_id BIGINT UNSIGNED NOT NULL',
    'topic_id BIGINT UNSIGNED NOT NULL',
    'seq BIGINT NOT NULL',
    'member SMALLINT NOT NULL',
    'PRIMARY KEY (workspace_id, user_id, topic_id)',
  ]),
  table(dialect, 'channel_names', [
    'workspace_id BIGINT UNSIGNED NOT NULL',
    'name VARCHAR(255) NOT NULL',
    'topic_id BIGINT UNSIGNED NOT NULL',
    'kind CHAR(1) NOT NULL',
    'PRIMARY KEY (workspace_id, name)',
  ]),
  // users_hash: SHA-256 of the sorted user ids
  table(dialect, 'dm_keys', [
    'workspace_id BIGINT UNSIGNED NOT NULL',
    'users_hash CHAR(64) NOT NULL',
    'topic_id BIGINT UNSIGNED NOT NULL',
    'kind CHAR(1) NOT NULL',
    'PRIMARY KEY (workspace_id, users_hash)',
  ]),
  // Redeemed ones, until they would have expired.
  table(dialect, 'tickets', [
    'workspace_id BIGINT UNSIGNED NOT NULL',
    'ticket_id VARCHAR(191) NOT NULL',
    'expires_ms BIGINT NOT NULL',
    'PRIMARY KEY (workspace_id, ticket_id)',
  ]),
  table(dialect, 'session_revocations', [
    'workspace_id BIGINT UNSIGNED NOT NULL',
    'user_id BIGINT UNSIGNED NOT NULL',
    'issued_before_ms BIGINT NOT NULL',
    'PRIMARY KEY (workspace_id, user_id)',
  ]),
];

const controlTables = (dialect: Dialect): string[] => [
  // One row per Snowflake worker number, always all of them: a lease locks rows that are there. unsharded
  table(dialect, 'worker_leases', [
    'worker INT NOT NULL',
    'holder VARCHAR(191) NOT NULL',
    'expires_ms BIGINT NOT NULL',
    'PRIMARY KEY (worker)',
  ]),
];

const allWorkers = (dialect: Dialect): Statement =>
  insertOrKeep(
    dialect,
    {
      table: 'worker_leases',
      columns: ['worker', 'holder', 'expires_ms'],
      rows: Array.from({ length: WORKERS }, (_, worker) => [worker, '', 0]),
    },
    ['worker'],
  );
