/** The SQLite engine (`node:sqlite`, WAL): stage 1, tests, one machine. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { LRUCache } from 'lru-cache';
import { type Clock, sleep } from '../clock.ts';
import { ChatError } from '../errors.ts';
import { systemClock } from '../system-clock.ts';
import type { Database, DatabaseHooks, Dialect, Param, Result, Row, Statement } from './database.ts';
import type { SqliteUrl } from './store-url.ts';

const dialect: Dialect = {
  name: 'sqlite',
  forShare: '', // BEGIN IMMEDIATE lets one writer in at a time
  forUpdate: '',
  nowMs: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
  tableOptions: '',
};

/** How often a database that another process is writing to is tried again. */
const BUSY_RETRY_MS = 5;
const STATEMENTS_KEPT = 500;

export interface SqliteOptions extends Omit<SqliteUrl, 'engine'> {
  hooks?: DatabaseHooks;
  clock?: Clock;
}

interface Prepared {
  statement: StatementSync;
  returnsRows: boolean;
}

export class SqliteDatabase implements Database {
  readonly dialect = dialect;
  readonly #db: DatabaseSync;
  readonly #options: SqliteOptions;
  readonly #clock: Clock;
  readonly #prepared = new LRUCache<string, Prepared>({ max: STATEMENTS_KEPT });
  /** One connection: whatever awaits inside a transaction (a hook, a migration) must keep the others out. */
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: SqliteOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    try {
      this.#db = new DatabaseSync(options.path, { timeout: 20 }); // longer waits are ours, not to block the event loop
      this.#db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.synchronous.toUpperCase()};`);
    } catch (e: unknown) {
      throw new ChatError('store_unavailable', {}, e);
    }
  }

  query(statement: Statement, withinMs?: number): Promise<Row[]> {
    return this.#alone(() => this.#untilFree(() => this.#run(statement).rows, withinMs));
  }

  write(statements: readonly Statement[], withinMs?: number): Promise<Result[]> {
    return this.#transaction(() => statements.map((s) => this.#run(s)), withinMs);
  }

  transaction(
    first: readonly Statement[],
    decide: (results: readonly Result[]) => readonly Statement[],
  ): Promise<Result[]> {
    return this.#transaction(() => decide(first.map((s) => this.#run(s))).map((s) => this.#run(s)));
  }

  exclusive<T>(work: (run: (statement: Statement) => Promise<Result>) => Promise<T>): Promise<T> {
    return this.#transaction(() => work(async (s) => this.#run(s)));
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const closed = this.#alone(async () => this.#db.close());
    this.#closed = true;
    return closed;
  }

  #transaction<T>(work: () => T | Promise<T>, withinMs?: number): Promise<T> {
    return this.#alone(async () => {
      await this.#untilFree(() => this.#db.exec('BEGIN IMMEDIATE'), withinMs);
      try {
        const result = work();
        const value = result instanceof Promise ? await result : result;
        const hook = this.#options.hooks?.beforeCommit;
        if (hook) await hook();
        this.#db.exec('COMMIT');
        return value;
      } catch (e: unknown) {
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
        throw sqliteError(e);
      }
    });
  }

  #run({ sql, params }: Statement): Result {
    try {
      const { statement, returnsRows } = this.#prepare(sql);
      const values = params.map(bind);
      if (returnsRows) return { rows: statement.all(...values), changes: 0 };
      return { rows: [], changes: Number(statement.run(...values).changes) };
    } catch (e: unknown) {
      throw sqliteError(e, sql);
    }
  }

  #prepare(sql: string): Prepared {
    let prepared = this.#prepared.get(sql);
    if (prepared === undefined) {
      const statement = this.#db.prepare(sql);
      statement.setReadBigInts(true);
      prepared = { statement, returnsRows: statement.columns().length > 0 };
      this.#prepared.set(sql, prepared);
    }
    return prepared;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new ChatError('store_unavailable', {}, new Error('the store is closed')));
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** `step` must begin a transaction or be one whole statement: it is repeated while the file is locked. */
  async #untilFree<T>(step: () => T, withinMs = this.#options.timeoutMs): Promise<T> {
    const deadline = this.#clock.monotonicMs() + withinMs;
    for (;;) {
      try {
        return step();
      } catch (e: unknown) {
        const error = sqliteError(e);
        if (!isBusy(e) || this.#clock.monotonicMs() > deadline) throw error;
        await sleep(this.#clock, BUSY_RETRY_MS);
      }
    }
  }
}

/** node:sqlite binds every number as REAL; and SQLite's integers are signed, so the upper half of 64 bits wraps. */
function bind(param: Param): SQLInputValue {
  if (typeof param === 'bigint') return BigInt.asIntN(64, param);
  return typeof param === 'number' && Number.isSafeInteger(param) ? BigInt(param) : param;
}

const SQLITE = { error: 1, busy: 5, locked: 6, constraint: 19, mismatch: 20, range: 25 } as const;
const UNIQUE_VIOLATIONS: readonly number[] = [1555 /* primary key */, 2067 /* unique */];

const errcode = (e: unknown): number | undefined => {
  const source = e instanceof ChatError ? e.cause : e;
  return source instanceof Error && 'errcode' in source ? Number(source.errcode) : undefined;
};
const isBusy = (e: unknown): boolean => {
  const primary = (errcode(e) ?? 0) & 0xff;
  return primary === SQLITE.busy || primary === SQLITE.locked;
};

function sqliteError(e: unknown, sql?: string): ChatError {
  if (e instanceof ChatError) return e;
  const code = errcode(e);
  if (code === undefined) return ChatError.from(e); // not the engine's: a bug, or what `decide` threw
  if (sql !== undefined) Object.assign(e as Error, { statement: sql });
  if (UNIQUE_VIOLATIONS.includes(code)) return new ChatError('store_conflict', {}, e);
  const primary = code & 0xff;
  const refused =
    primary === SQLITE.constraint ||
    primary === SQLITE.mismatch ||
    primary === SQLITE.range ||
    // a missing table is a store that nobody has migrated yet
    (primary === SQLITE.error && !/no such table/.test((e as Error).message));
  return new ChatError(refused ? 'internal_error' : 'store_unavailable', {}, e);
}
