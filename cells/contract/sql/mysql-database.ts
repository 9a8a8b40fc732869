/**
 * The MySQL engine: a `mysql2` pool, also in front of a vtgate.
 *
 * Round trips are saved by sending a transaction's statements as one text (multi-statements): BEGIN with the first
 * reads, the writes with COMMIT. The server stops at the first statement that fails, so COMMIT is not reached then.
 * The text protocol is used throughout: an id is a bare integer literal in it, compared exactly, where `execute`
 * would bind it as a string or a DOUBLE. Measured against `execute`: equal at 1 and 16 rows, 255 to 213 batches a
 * second and half the client's CPU at 256.
 */
import { createPool, type Pool, type PoolConnection } from 'mysql2';
import { type Clock, sleep } from '../clock.ts';
import { ChatError } from '../errors.ts';
import { systemClock } from '../system-clock.ts';
import {
  type Database,
  type DatabaseHooks,
  type Dialect,
  type Result,
  type Row,
  type Statement,
  statement,
} from './database.ts';
import { connectionIsUsable, isLockFailure, mysqlError } from './mysql-errors.ts';
import { acquire, Deadline, send } from './mysql-wire.ts';
import type { MysqlUrl } from './store-url.ts';

const dialect: Dialect = {
  name: 'mysql',
  forShare: ' FOR SHARE',
  forUpdate: ' FOR UPDATE',
  // independent of the session's time zone
  nowMs: "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000)",
  tableOptions: ' ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin',
};

/**
 * A client that is stopped between reading its fences and COMMIT would hold their locks, and the new owner's claim,
 * for as long as the server keeps the connection. So while a transaction waits for its client, the server ends the
 * connection after this many seconds. On Vitess, vttablet's transaction timeout does it.
 */
const IDLE_IN_TRANSACTION_S = 2;
const IDLE_S = 3_600;
/** More than IDLE_IN_TRANSACTION_S, so that a claim outwaits a stopped owner. */
const LOCK_WAIT_S = 3;
const LIMIT_IDLE = statement(`SET SESSION wait_timeout = ${IDLE_IN_TRANSACTION_S}`);
const UNLIMIT_IDLE = statement(`SET SESSION wait_timeout = ${IDLE_S}`);
const BEGIN = statement('BEGIN');
const COMMIT = statement('COMMIT');
const ROLLBACK = statement('ROLLBACK');
/** READ COMMITTED takes no gap locks: fewer deadlocks, and every locking read sees the latest anyway. */
const SESSION = `SET SESSION transaction_isolation = 'READ-COMMITTED', innodb_lock_wait_timeout = ${LOCK_WAIT_S},
  wait_timeout = ${IDLE_S}`;

/** A deadlock or a lock wait that ran out: nothing was committed, so the whole transaction is repeated. */
const ATTEMPTS = 8;
/** An exclusive work, a migration, may wait for another process's and then take its time. */
const EXCLUSIVE_WAIT_S = 60;

export interface MysqlOptions extends Omit<MysqlUrl, 'engine'> {
  /** Bounds connecting alone. Default: timeoutMs. */
  connectTimeoutMs?: number;
  hooks?: DatabaseHooks;
  clock?: Clock;
}

export class MysqlDatabase implements Database {
  readonly dialect = dialect;
  readonly #options: MysqlOptions;
  readonly #clock: Clock;
  readonly #pool: Pool;
  readonly #connections = new Set<PoolConnection>();
  readonly #limitIdle: readonly Statement[];
  readonly #unlimitIdle: readonly Statement[];
  #closed: Promise<void> | undefined;

  constructor(options: MysqlOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#limitIdle = options.vitess ? [] : [LIMIT_IDLE];
    this.#unlimitIdle = options.vitess ? [] : [UNLIMIT_IDLE];
    this.#pool = createPool({
      host: options.host,
      port: options.port,
      user: options.user,
      password: options.password,
      database: options.database,
      connectionLimit: options.pool,
      connectTimeout: options.connectTimeoutMs ?? options.timeoutMs,
      supportBigNumbers: true,
      bigNumberStrings: true,
      multipleStatements: true,
      charset: 'utf8mb4_bin', // of literals; a column compares by its own
      flags: ['-FOUND_ROWS'], // `changes` counts rows that changed, not rows that matched
    });
    this.#pool.on('connection', (connection: PoolConnection) => {
      this.#connections.add(connection);
      connection.once('end', () => this.#connections.delete(connection));
      if (options.vitess) return;
      // Queued before anything that the pool's user sends on it.
      connection.query(SESSION, (error) => {
        if (error) connection.destroy();
      });
    });
  }

  async query(statement: Statement, withinMs?: number): Promise<Row[]> {
    const [result] = await this.#repeat((run) => run([statement]), withinMs);
    return result!.rows;
  }

  write(statements: readonly Statement[], withinMs?: number): Promise<Result[]> {
    if (this.#options.hooks?.beforeCommit) return this.transaction(statements, () => []);
    return this.#repeat(async (run) => (await run([BEGIN, ...statements, COMMIT])).slice(1, -1), withinMs);
  }

  transaction(
    first: readonly Statement[],
    decide: (results: readonly Result[]) => readonly Statement[],
  ): Promise<Result[]> {
    const begin = [...this.#limitIdle, BEGIN];
    return this.#repeat(async (run) => {
      const results = (await run([...begin, ...first])).slice(begin.length);
      const rest = decide(results);
      await this.#options.hooks?.beforeCommit?.();
      const written = await run([...rest, COMMIT, ...this.#unlimitIdle]);
      return rest.length > 0 ? written.slice(0, rest.length) : results;
    });
  }

  async exclusive<T>(work: (run: (statement: Statement) => Promise<Result>) => Promise<T>): Promise<T> {
    const name = `chatcells.${this.#options.database}`.slice(0, 64); // the server's locks are not per database
    try {
      return await this.#connected(EXCLUSIVE_WAIT_S * 2_000, async (run) => {
        const [taken] = await run([statement('SELECT GET_LOCK(?, ?) AS taken', name, EXCLUSIVE_WAIT_S)]);
        if (Number(taken!.rows[0]?.taken) !== 1) throw new Error('another process holds the lock');
        try {
          return await work(async (s) => (await run([s]))[0]!);
        } finally {
          await run([statement('SELECT RELEASE_LOCK(?)', name)]);
        }
      });
    } catch (e: unknown) {
      throw mysqlError(e);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  /** Lets what is under way finish, but waits for no server that does not answer. */
  async #end(): Promise<void> {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.after(this.#options.timeoutMs, resolve);
    this.#pool.end(() => resolve());
    await ended;
    timer.cancel();
    for (const connection of this.#connections) connection.destroy();
  }

  /** One unit of work on one connection, repeated as a whole while locks fail it, within the time of one method. */
  async #repeat<T>(work: Work<T>, withinMs = this.#options.timeoutMs): Promise<T> {
    const deadline = this.#clock.monotonicMs() + withinMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#connected(deadline - this.#clock.monotonicMs(), work);
      } catch (e: unknown) {
        const pauseMs = attempt * attempt;
        const exhausted = attempt >= ATTEMPTS || this.#clock.monotonicMs() + pauseMs >= deadline;
        if (!isLockFailure(e) || exhausted) throw mysqlError(e);
        await sleep(this.#clock, pauseMs);
      }
    }
  }

  /** Rejects with the engine's own error, after ROLLBACK where the connection can be used again. */
  async #connected<T>(timeoutMs: number, work: Work<T>): Promise<T> {
    if (this.#closed) throw new ChatError('store_unavailable', {}, new Error('the store is closed'));
    const deadline = new Deadline(this.#clock, timeoutMs);
    try {
      const connection = await acquire(this.#pool, deadline);
      deadline.onExpiry(() => connection.destroy());
      const run: Run = (statements) => send(connection, statements);
      try {
        const value = await deadline.race(work(run));
        connection.release();
        return value;
      } catch (e: unknown) {
        await this.#giveBack(connection, e, deadline);
        throw e;
      }
    } finally {
      deadline.cancel();
    }
  }

  async #giveBack(connection: PoolConnection, e: unknown, deadline: Deadline): Promise<void> {
    if (!connectionIsUsable(e)) return connection.destroy();
    try {
      await deadline.race(send(connection, [ROLLBACK, ...this.#unlimitIdle]));
      connection.release();
    } catch {
      connection.destroy(); // the first error is the one to tell
    }
  }
}

type Run = (statements: readonly Statement[]) => Promise<Result[]>;
type Work<T> = (run: Run) => Promise<T>;
