/**
 * The few operations that the store needs of a SQL engine, so that its statements are written once. Two engines
 * implement it: SQLite (one process, sync) and MySQL (a pool, also of a vtgate).
 *
 * Every write is an explicit transaction: vtgate loses an autocommit write that it buffers across a traffic switch.
 */
export type Param = string | number | bigint | null | Uint8Array;
export type Row = Record<string, unknown>;

export interface Statement {
  /** With `?` for each parameter. Never holds a value from outside. */
  sql: string;
  /** Ids and other 64-bit numbers as BigInt: a JS number may travel as DOUBLE and hash to another shard. */
  params: readonly Param[];
}

export interface Result {
  rows: Row[];
  /** Rows inserted, or changed to another value. MySQL counts an upsert that changed a row as 2. */
  changes: number;
}

export interface Dialect {
  readonly name: 'sqlite' | 'mysql';
  /** Appended to a SELECT whose rows must not change until the transaction ends. */
  readonly forShare: string;
  readonly forUpdate: string;
  /** Expression of the store's wall clock, in milliseconds. */
  readonly nowMs: string;
  /** Appended to CREATE TABLE. */
  readonly tableOptions: string;
}

/** For tests: stands between a transaction's last decision and its COMMIT, with the locks held. */
export interface DatabaseHooks {
  beforeCommit?: () => Promise<void>;
}

/**
 * Every method rejects with ChatError: `store_unavailable` for anything about the connection or the server,
 * `store_conflict` for a unique key that exists, `internal_error` for a statement that the engine refuses. The cause
 * carries the engine's error and the statement, without its values.
 */
export interface Database {
  readonly dialect: Dialect;
  /** One reading statement outside any transaction. `withinMs`: rejects then, instead of after the URL's timeout. */
  query(statement: Statement, withinMs?: number): Promise<Row[]>;
  /** The statements in one transaction, in order; one round trip. */
  write(statements: readonly Statement[], withinMs?: number): Promise<Result[]>;
  /**
   * BEGIN and `first`; then `decide`, which sees their results and returns the rest; then the rest and COMMIT: two
   * round trips. Whatever `decide` throws rolls back and is thrown on. It must be pure: a deadlock repeats it all.
   */
  transaction(
    first: readonly Statement[],
    decide: (results: readonly Result[]) => readonly Statement[],
  ): Promise<Result[]>;
  /** One process at a time over the whole store runs `work`; for migrations. DDL is allowed in it. */
  exclusive<T>(work: (run: (statement: Statement) => Promise<Result>) => Promise<T>): Promise<T>;
  /** Idempotent. Afterwards every method rejects with `store_unavailable`. */
  close(): Promise<void>;
}

export const statement = (sql: string, ...params: Param[]): Statement => ({ sql, params });

/** Columns as the engines return them: a 64-bit integer is a decimal string (MySQL) or a BigInt (SQLite). */
export const bigintOf = (value: unknown): bigint => BigInt(value as string | number | bigint);
export const numberColumn = (value: unknown): number => Number(value);
export const textOf = (value: unknown): string => value as string;
export const optionalText = (value: unknown): string | undefined => (value === null ? undefined : (value as string));
export const flagOf = (value: unknown): boolean => Number(value) !== 0;
