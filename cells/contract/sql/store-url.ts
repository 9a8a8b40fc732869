/** Where the store is: `sqlite:/path`, `sqlite::memory:`, `mysql://user:password@host:port/database?pool=8`. */
import { ChatError } from '../errors.ts';

export interface SqliteUrl {
  engine: 'sqlite';
  /** A file, or `:memory:`. */
  path: string;
  /** Give up waiting for another process's transaction after this time. */
  timeoutMs: number;
  /** `full` survives a power cut; `normal` only the end of the process. */
  synchronous: 'full' | 'normal';
}

export interface MysqlUrl {
  engine: 'mysql';
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  /** Connections of the pool. */
  pool: number;
  /** Bounds connecting, and each method as a whole. */
  timeoutMs: number;
  /** A vtgate: no session settings, which would reserve a connection of the shard for each of ours. */
  vitess: boolean;
}

export type StoreUrl = SqliteUrl | MysqlUrl;

const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_POOL = 8;

/** Options in the query: `timeout` (ms, both), `synchronous` (SQLite: full, normal), `pool`, `vitess` (MySQL). */
export function parseStoreUrl(url: string): StoreUrl {
  if (url.startsWith('sqlite:')) {
    const [path = '', query = ''] = url.slice('sqlite:'.length).split('?', 2);
    if (path === '') throw invalid('has no path');
    const options = new URLSearchParams(query);
    const synchronous = options.get('synchronous') ?? 'full';
    if (synchronous !== 'full' && synchronous !== 'normal') throw invalid('synchronous must be full or normal');
    return { engine: 'sqlite', path, synchronous, timeoutMs: positive(options, 'timeout', DEFAULT_TIMEOUT_MS) };
  }
  if (!url.startsWith('mysql://') || !URL.canParse(url)) throw invalid('must begin with sqlite: or mysql://');
  const parsed = new URL(url);
  const database = decodeURIComponent(parsed.pathname.slice(1));
  if (parsed.hostname === '' || database === '') throw invalid('must name a host and a database');
  return {
    engine: 'mysql',
    host: parsed.hostname,
    port: Number(parsed.port || 3306),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database,
    pool: positive(parsed.searchParams, 'pool', DEFAULT_POOL),
    timeoutMs: positive(parsed.searchParams, 'timeout', DEFAULT_TIMEOUT_MS),
    vitess: parsed.searchParams.get('vitess') === 'true',
  };
}

function positive(options: URLSearchParams, name: string, fallback: number): number {
  const text = options.get(name);
  if (text === null) return fallback;
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1) throw invalid(`${name} must be a positive whole number`);
  return n;
}

/** Never shows the URL itself: it holds a password. */
const invalid = (problem: string): ChatError => new ChatError('config_invalid', { key: 'store URL', problem });
