import { ChatError } from '../../cells/contract/errors.ts';
import { numberOf, type UserId, type WorkspaceId } from '../../cells/contract/ids.ts';
import { type Database, numberColumn, statement } from '../../cells/contract/sql/database.ts';
import { insertOrKeep, insertOrRaise } from '../../cells/contract/sql/statements.ts';
import type { Leases } from './store.ts';

/** Every so many tickets, the expired ones of that ticket's workspace are removed. */
const SWEEP_EVERY = 64;

export class SqlLeases implements Leases {
  readonly #db: Database;
  #redeemed = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  async leaseWorker(holder: string, ttlMs: number): Promise<number> {
    const now = this.#db.dialect.nowMs;
    let leased = -1;
    await this.#db.transaction(
      [
        // The own one, else the one free for longest: its last holder may not have noticed the end of its lease.
        statement(
          `SELECT worker FROM worker_leases WHERE holder = ? OR expires_ms <= ${now}
           ORDER BY CASE WHEN holder = ? THEN 0 ELSE 1 END, expires_ms, worker LIMIT 1${this.#db.dialect.forUpdate}`,
          holder,
          holder,
        ),
      ],
      ([free]) => {
        const row = free!.rows[0];
        if (!row) throw new ChatError('service_unavailable', {}, new Error('all worker numbers are leased'));
        leased = numberColumn(row.worker);
        return [
          statement(
            `UPDATE worker_leases SET holder = ?, expires_ms = ${now} + ? WHERE worker = ?`,
            holder,
            ttlMs,
            leased,
          ),
        ];
      },
    );
    return leased;
  }

  async releaseWorker(holder: string): Promise<void> {
    await this.#db.write([
      statement(
        `UPDATE worker_leases SET holder = '', expires_ms = ${this.#db.dialect.nowMs} WHERE holder = ?`,
        holder,
      ),
    ]);
  }

  async redeemTicket(workspace: WorkspaceId, ticketId: string, expiresMs: number): Promise<boolean> {
    const number = numberOf(workspace);
    const what = {
      table: 'tickets',
      columns: ['workspace_id', 'ticket_id', 'expires_ms'],
      rows: [[number, ticketId, expiresMs]],
    };
    const [inserted] = await this.#db.write([insertOrKeep(this.#db.dialect, what, ['workspace_id', 'ticket_id'])]);
    if (++this.#redeemed % SWEEP_EVERY === 0)
      await this.#db.write([
        statement(`DELETE FROM tickets WHERE workspace_id = ? AND expires_ms < ${this.#db.dialect.nowMs}`, number),
      ]);
    return inserted!.changes === 1;
  }

  async revokeSessions(workspace: WorkspaceId, user: UserId, issuedBeforeMs: number): Promise<void> {
    const what = {
      table: 'session_revocations',
      columns: ['workspace_id', 'user_id', 'issued_before_ms'],
      rows: [[numberOf(workspace), numberOf(user), issuedBeforeMs]],
    };
    await this.#db.write([insertOrRaise(this.#db.dialect, what, ['workspace_id', 'user_id'], 'issued_before_ms')]);
  }

  async sessionsRevokedBefore(workspace: WorkspaceId, user: UserId): Promise<number> {
    const [row] = await this.#db.query(
      statement(
        'SELECT issued_before_ms FROM session_revocations WHERE workspace_id = ? AND user_id = ?',
        numberOf(workspace),
        numberOf(user),
      ),
    );
    return row ? numberColumn(row.issued_before_ms) : 0;
  }
}
