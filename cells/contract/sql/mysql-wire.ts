/** Sends statements to a `mysql2` connection as one text, and reads their results. */
import { format, type Pool, type PoolConnection } from 'mysql2';
import type { Clock } from '../clock.ts';
import type { Result, Row, Statement } from './database.ts';

/** Rejects with mysql2's error, whose `statement` is the text without its values; its own `sql`, with them, is removed. */
export function send(connection: PoolConnection, statements: readonly Statement[]): Promise<Result[]> {
  const text = statements.map(literal).join(';');
  return new Promise((resolve, reject) => {
    connection.query(text, (error, results: unknown) => {
      if (error) return reject(withoutValues(error, statements));
      resolve(statements.length === 1 ? [resultOf(results)] : (results as unknown[]).map(resultOf));
    });
  });
}

/** With every value as a literal. A BigInt becomes a bare integer. */
function literal({ sql, params }: Statement): string {
  if (params.length === 0) return sql;
  const values = params.map((p) => (p instanceof Uint8Array ? Buffer.from(p.buffer, p.byteOffset, p.byteLength) : p));
  return format(sql, values);
}

function resultOf(result: unknown): Result {
  if (Array.isArray(result)) return { rows: result as Row[], changes: 0 };
  return { rows: [], changes: (result as { affectedRows: number }).affectedRows };
}

/** mysql2 puts the whole text into the error: messages of users would reach the log. */
function withoutValues(error: Error, statements: readonly Statement[]): Error {
  Reflect.deleteProperty(error, 'sql');
  return Object.assign(error, { statement: statements.map((s) => s.sql.slice(0, 1_000)).join(';') });
}

/** Waits for a connection at most until the deadline: mysql2's pool itself waits for ever. */
export function acquire(pool: Pool, deadline: Deadline): Promise<PoolConnection> {
  let late = false;
  const acquired = new Promise<PoolConnection>((resolve, reject) => {
    pool.getConnection((error, connection) => {
      if (error) reject(error);
      else if (late) connection.release();
      else resolve(connection);
    });
  });
  deadline.onExpiry(() => {
    late = true;
  });
  return deadline.race(acquired);
}

export class DeadlineError extends Error {
  constructor(ms: number) {
    super(`the store did not answer in ${Math.round(ms)} ms`);
    this.name = 'DeadlineError';
  }
}

/** One timer for all steps of a method. */
export class Deadline {
  readonly #expired: Promise<never>;
  readonly #cancel: () => void;
  #onExpiry: () => void = () => undefined;

  constructor(clock: Clock, ms: number) {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined); // nobody may be racing when it expires
    this.#expired = promise;
    // After a stall, timers come before sockets: an answer that has arrived meanwhile gets one turn to be read.
    let timer = clock.after(Math.max(ms, 0), () => {
      timer = clock.after(1, () => {
        this.#onExpiry();
        reject(new DeadlineError(ms));
      });
    });
    this.#cancel = () => timer.cancel();
  }

  /** Replaces the action of the step before. */
  onExpiry(action: () => void): void {
    this.#onExpiry = action;
  }

  race<T>(work: Promise<T>): Promise<T> {
    work.catch(() => undefined); // it may lose the race and fail later
    return Promise.race([work, this.#expired]);
  }

  cancel(): void {
    this.#cancel();
  }
}
