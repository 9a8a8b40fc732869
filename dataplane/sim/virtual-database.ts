/** The real SQLite engine in memory, with the virtual wall clock as the store's clock. */
import type { Database, Dialect, Result, Row, Statement } from '../../cells/contract/sql/database.ts';
import { SqliteDatabase } from '../../cells/contract/sql/sqlite-database.ts';

export class VirtualDatabase implements Database {
  readonly #db = new SqliteDatabase({ path: ':memory:', timeoutMs: 1_000, synchronous: 'normal' });
  readonly dialect: Dialect;

  constructor(wallMs: () => number) {
    this.dialect = Object.defineProperty({ ...this.#db.dialect }, 'nowMs', {
      get: () => String(wallMs()),
      enumerable: true,
    });
  }

  query(statement: Statement): Promise<Row[]> {
    return this.#db.query(statement);
  }
  write(statements: readonly Statement[]): Promise<Result[]> {
    return this.#db.write(statements);
  }
  transaction(
    first: readonly Statement[],
    decide: (results: readonly Result[]) => readonly Statement[],
  ): Promise<Result[]> {
    return this.#db.transaction(first, decide);
  }
  exclusive<T>(work: (run: (statement: Statement) => Promise<Result>) => Promise<T>): Promise<T> {
    return this.#db.exclusive(work);
  }
  close(): Promise<void> {
    return this.#db.close();
  }
}
