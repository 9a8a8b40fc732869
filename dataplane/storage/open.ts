import { SqlRingStore } from '../../cells/contract/ring-store-sql.ts';
import type { Database, DatabaseHooks } from '../../cells/contract/sql/database.ts';
import { openDatabase } from '../../cells/contract/sql/open-database.ts';
import { SqlChannelLog } from './channel-log.ts';
import { SqlDirectory } from './directory.ts';
import { SqlLeases } from './leases.ts';
import { migrate } from './migrate.ts';
import type { Store } from './store.ts';

/** Connections beside the URL's pool, so that a busy log never delays a heartbeat. */
const RING_POOL = 4;
/** A connection that is being made when the network heals must not keep a heartbeat waiting. */
const RING_CONNECT_TIMEOUT_MS = 1_000;

/**
 * `sqlite:/path`, `sqlite::memory:` or `mysql://user:password@host:port/database?pool=8&timeout=5000`. MySQL is
 * connected to at the first use: opening succeeds while it is down. Call `migrate()` before anything else.
 */
export async function openStore(url: string, hooks?: DatabaseHooks): Promise<Store> {
  const db = await openDatabase(url, hooks === undefined ? {} : { hooks });
  const ringDb =
    db.dialect.name === 'mysql'
      ? await openDatabase(url, { pool: RING_POOL, connectTimeoutMs: RING_CONNECT_TIMEOUT_MS })
      : db;
  return storeOver(db, ringDb);
}

export function storeOver(db: Database, ringDb: Database): Store {
  const ring = new SqlRingStore(ringDb);
  return {
    ring,
    log: new SqlChannelLog(db),
    directory: new SqlDirectory(db),
    leases: new SqlLeases(db),
    migrate: () => migrate(db),
    wallMs: (withinMs) => ring.wallMs(withinMs),
    close: async () => {
      await Promise.all([db.close(), ringDb.close()]);
    },
  };
}
