/** The ring store over either engine, and its tables. In Vitess they live in the unsharded control keyspace. */
import type { Heartbeat, NodeRole, RingStore, SlotLoadReport } from './ring-store.ts';
import { decodeTable, encodeTable, type RingTable } from './ring-table.ts';
import {
  type Database,
  type Dialect,
  numberColumn,
  type Row,
  type Statement,
  statement,
  textOf,
} from './sql/database.ts';
import { insertOrKeep, insertOrReplace, placeholders } from './sql/statements.ts';

/** CREATE TABLE statements; the store's migration 1 runs them with its own. */
export const ringTables = (dialect: Dialect): string[] => [
  `CREATE TABLE IF NOT EXISTS ring_table (
    ring VARCHAR(253) NOT NULL,
    epoch BIGINT NOT NULL,
    body LONGBLOB NOT NULL,
    PRIMARY KEY (ring)
  )${dialect.tableOptions}`,
  `CREATE TABLE IF NOT EXISTS heartbeats (
    incarnation VARCHAR(191) NOT NULL,
    role VARCHAR(16) NOT NULL,
    pod VARCHAR(253) NOT NULL,
    cell VARCHAR(253) NOT NULL,
    zone VARCHAR(253) NOT NULL,
    ring VARCHAR(253) NOT NULL,
    address VARCHAR(253) NOT NULL,
    weight DOUBLE NOT NULL,
    counter BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL,
    sockets BIGINT NOT NULL,
    slots BIGINT NOT NULL,
    topics BIGINT NOT NULL,
    per_second DOUBLE NOT NULL,
    PRIMARY KEY (incarnation)
  )${dialect.tableOptions}`,
];

/** CREATE TABLE of the load reports; the store's migration 2. */
export const slotLoadTable = (dialect: Dialect): string =>
  `CREATE TABLE IF NOT EXISTS slot_loads (
    incarnation VARCHAR(191) NOT NULL,
    ring VARCHAR(253) NOT NULL,
    counter BIGINT NOT NULL,
    per_second DOUBLE NOT NULL,
    hottest TEXT NOT NULL,
    PRIMARY KEY (incarnation)
  )${dialect.tableOptions}`;

const HEARTBEAT_COLUMNS = [
  'incarnation',
  'role',
  'pod',
  'cell',
  'zone',
  'ring',
  'address',
  'weight',
  'counter',
  'state',
  'sockets',
  'slots',
  'topics',
  'per_second',
] as const;

const replaceTable = (table: RingTable): Statement =>
  statement(
    'UPDATE ring_table SET epoch = ?, body = ? WHERE ring = ? AND epoch = ?',
    table.epoch,
    encodeTable(table),
    table.ring,
    table.epoch - 1,
  );

export class SqlRingStore implements RingStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The store's wall clock in milliseconds. `withinMs` as for `beat`. */
  async wallMs(withinMs?: number): Promise<number> {
    const [row] = await this.#db.query(statement(`SELECT ${this.#db.dialect.nowMs} AS now`), withinMs);
    return numberColumn(row!.now);
  }

  async readTable(ring: string, knownEpoch?: number): Promise<RingTable | undefined> {
    // An epoch is never negative; the body, some 10 KB, travels only when it is news.
    const [row] = await this.#db.query(
      statement('SELECT body FROM ring_table WHERE ring = ? AND epoch <> ?', ring, knownEpoch ?? -1),
    );
    return row && decodeTable(row.body as Uint8Array);
  }

  async compareAndSetTable(table: RingTable): Promise<boolean> {
    const first = { table: 'ring_table', columns: ['ring', 'epoch', 'body'] };
    const commit =
      table.epoch === 1
        ? insertOrKeep(this.#db.dialect, { ...first, rows: [[table.ring, 1, encodeTable(table)]] }, ['ring'])
        : replaceTable(table);
    const [result] = await this.#db.write([commit]);
    return result!.changes === 1;
  }

  async changeTable<T extends { table: RingTable }>(
    known: RingTable,
    change: (table: RingTable) => T | undefined,
  ): Promise<T | undefined> {
    let changed: T | undefined;
    const latest = statement(
      `SELECT epoch, CASE WHEN epoch <> ? THEN body END AS body FROM ring_table WHERE ring = ?${this.#db.dialect.forUpdate}`,
      known.epoch,
      known.ring,
    );
    await this.#db.transaction([latest], ([read]) => {
      const [row] = read!.rows;
      changed = row && change(row.body === null ? known : decodeTable(row.body as Uint8Array));
      return changed === undefined ? [] : [replaceTable(changed.table)];
    });
    return changed;
  }

  async beat(heartbeat: Heartbeat, withinMs?: number): Promise<void> {
    const { load, ...row } = heartbeat;
    const values: Record<string, string | number> = {
      ...row,
      sockets: load.sockets,
      slots: load.slots,
      topics: load.topics,
      per_second: load.perSecond,
    };
    const columns = HEARTBEAT_COLUMNS;
    const what = { table: 'heartbeats', columns, rows: [columns.map((c) => values[c]!)] };
    await this.#db.write([insertOrReplace(this.#db.dialect, what, ['incarnation'])], withinMs);
  }

  async heartbeats(ring?: string, withinMs?: number): Promise<Heartbeat[]> {
    const all = `SELECT ${HEARTBEAT_COLUMNS.join(',')} FROM heartbeats`;
    const rows = await this.#db.query(
      ring === undefined
        ? statement(`${all} ORDER BY incarnation`)
        : statement(`${all} WHERE ring = ? ORDER BY incarnation`, ring),
      withinMs,
    );
    return rows.map(heartbeatOf);
  }

  async reportLoad({ incarnation, ring, counter, perSecond, hottest }: SlotLoadReport): Promise<void> {
    const columns = ['incarnation', 'ring', 'counter', 'per_second', 'hottest'];
    const rows = [[incarnation, ring, counter, perSecond, JSON.stringify(hottest)]];
    const what = { table: 'slot_loads', columns, rows };
    await this.#db.write([insertOrReplace(this.#db.dialect, what, ['incarnation'])]);
  }

  async loads(ring: string): Promise<SlotLoadReport[]> {
    const rows = await this.#db.query(
      statement(
        'SELECT incarnation, ring, counter, per_second, hottest FROM slot_loads WHERE ring = ? ORDER BY incarnation',
        ring,
      ),
    );
    return rows.map((row) => ({
      incarnation: textOf(row.incarnation),
      ring: textOf(row.ring),
      counter: numberColumn(row.counter),
      perSecond: numberColumn(row.per_second),
      hottest: JSON.parse(textOf(row.hottest)) as [number, number][],
    }));
  }

  async forget(incarnations: readonly string[]): Promise<void> {
    if (incarnations.length === 0) return;
    const list = placeholders(incarnations.length);
    await this.#db.write(
      ['heartbeats', 'slot_loads'].map((table) =>
        statement(`DELETE FROM ${table} WHERE incarnation IN (${list})`, ...incarnations),
      ),
    );
  }
}

function heartbeatOf(row: Row): Heartbeat {
  return {
    incarnation: textOf(row.incarnation),
    role: textOf(row.role) as NodeRole,
    pod: textOf(row.pod),
    cell: textOf(row.cell),
    zone: textOf(row.zone),
    ring: textOf(row.ring),
    address: textOf(row.address),
    weight: numberColumn(row.weight),
    counter: numberColumn(row.counter),
    state: textOf(row.state) as Heartbeat['state'],
    load: {
      sockets: numberColumn(row.sockets),
      slots: numberColumn(row.slots),
      topics: numberColumn(row.topics),
      perSecond: numberColumn(row.per_second),
    },
  };
}
