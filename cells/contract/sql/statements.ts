/** Statements whose text differs between the engines only in one clause. Pure. */
import type { Dialect, Param, Statement } from './database.ts';

export interface Insert {
  table: string;
  columns: readonly string[];
  rows: readonly (readonly Param[])[];
}

/** `(?,?),(?,?)` for `rows` rows of `columns` columns. */
export const tuples = (rows: number, columns: number): string =>
  new Array(rows).fill(`(${placeholders(columns)})`).join(',');

export const placeholders = (n: number): string => new Array(n).fill('?').join(',');

const intoValues = ({ table, columns, rows }: Insert): string =>
  `INSERT INTO ${table} (${columns.join(',')}) VALUES ${tuples(rows.length, columns.length)}`;

/** Fails with `store_conflict` when a row is there. */
export const insert = (what: Insert): Statement => ({ sql: intoValues(what), params: what.rows.flat() });

/** Keeps a row that is there as it is; `changes` counts the rows that were not. */
export function insertOrKeep(dialect: Dialect, what: Insert, key: readonly string[]): Statement {
  // MySQL has no DO NOTHING: a column outside the key (vtgate refuses to set a key's) is set to itself.
  const other = what.columns.find((c) => !key.includes(c))!;
  return upsert(dialect, what, key, `${other} = ${what.table}.${other}`, 'DO NOTHING');
}

/** Overwrites all columns outside the key. */
export function insertOrReplace(dialect: Dialect, what: Insert, key: readonly string[]): Statement {
  const set = what.columns.filter((c) => !key.includes(c)).map((c) => `${c} = excluded.${c}`);
  return upsert(dialect, what, key, set.join(', '));
}

/** Overwrites only where the new `version` is higher than the stored one. */
export function insertOrRaise(dialect: Dialect, what: Insert, key: readonly string[], version: string): Statement {
  const { table } = what;
  // MySQL assigns from left to right and reads what it has assigned: the version must come last.
  const columns = [...what.columns.filter((c) => !key.includes(c) && c !== version), version];
  const set = columns.map(
    (c) => `${c} = CASE WHEN excluded.${version} > ${table}.${version} THEN excluded.${c} ELSE ${table}.${c} END`,
  );
  return upsert(dialect, what, key, set.join(', '));
}

/** The row's alias is `excluded` in both engines, so that `set` is one text. */
function upsert(
  dialect: Dialect,
  what: Insert,
  key: readonly string[],
  set: string,
  sqliteAction = `DO UPDATE SET ${set}`,
): Statement {
  const clause =
    dialect.name === 'mysql'
      ? ` AS excluded ON DUPLICATE KEY UPDATE ${set}`
      : ` ON CONFLICT (${key.join(',')}) ${sqliteAction}`;
  return { sql: intoValues(what) + clause, params: what.rows.flat() };
}

/** Slices of at most `size`: 500 keeps a statement's text, its locks and SQLite's 32,766 parameters in bounds. */
export function chunks<T>(all: readonly T[], size = 500): T[][] {
  const out: T[][] = [];
  for (let i = 0; i < all.length; i += size) out.push(all.slice(i, i + size));
  return out;
}
