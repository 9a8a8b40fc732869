import type { Database, DatabaseHooks } from './database.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import { parseStoreUrl } from './store-url.ts';

export interface OpenOptions {
  /** Connections, instead of the URL's (MySQL). */
  pool?: number;
  /** Bounds connecting alone, in ms (MySQL). */
  connectTimeoutMs?: number;
  hooks?: DatabaseHooks;
}

/** MySQL connects at the first use, so that a process may start before its store; its driver is loaded for it alone. */
export async function openDatabase(url: string, options: OpenOptions = {}): Promise<Database> {
  const parsed = parseStoreUrl(url);
  const hooks = options.hooks === undefined ? {} : { hooks: options.hooks };
  if (parsed.engine === 'sqlite') return new SqliteDatabase({ ...parsed, ...hooks });
  const { MysqlDatabase } = await import('./mysql-database.ts');
  return new MysqlDatabase({ ...parsed, ...options });
}
