import { SqlRingStore } from './ring-store-sql.ts';
import { openDatabase } from './sql/open-database.ts';

/**
 * The ring store alone, for the control plane. `url` as in `sql/store-url.ts`. It does not migrate: until a
 * dataplane process has, every method rejects with `store_unavailable`.
 */
export async function openRingStore(url: string): Promise<SqlRingStore & { close(): Promise<void> }> {
  const db = await openDatabase(url, { pool: 3 });
  return Object.assign(new SqlRingStore(db), { close: () => db.close() });
}
