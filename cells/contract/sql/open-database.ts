import type { Database, DatabaseHooks } from './database.ts';
import { MysqlDatabase } from './mysql-database.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import { parseStoreUrl } from './store-url.ts';

export interface OpenOptions {
  /** Connections, instead of the URL's (MySQL). */
  pool?: number;
  hooks?: DatabaseHooks;
}

/** MySQL connects at the first use, so that a process may start before its store. */
export function openDatabase(url: string, options: OpenOptions = {}): Database {
  const parsed = parseStoreUrl(url);
  const hooks = options.hooks === undefined ? {} : { hooks: options.hooks };
  if (parsed.engine === 'sqlite') return new SqliteDatabase({ ...parsed, ...hooks });
  return new MysqlDatabase({ ...parsed, ...hooks, pool: options.pool ?? parsed.pool });
}
