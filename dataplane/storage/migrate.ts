import { ChatError } from '../../cells/contract/errors.ts';
import { type Database, statement } from '../../cells/contract/sql/database.ts';
import { GENERATION, MIGRATIONS, type Migration } from './schema.ts';

/**
 * Runs the steps above the store's version, one process at a time. `from` 0 is an empty store. A store that a newer
 * version has migrated is left as it is, if this version can work on it (see `GENERATION`); else `schema_too_new`.
 */
export function migrate(
  db: Database,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<{ from: number; to: number }> {
  return db.exclusive(async (run) => {
    await run(
      statement(
        `CREATE TABLE IF NOT EXISTS schema_migrations (
          version INT NOT NULL, name VARCHAR(64) NOT NULL, applied_ms BIGINT NOT NULL, PRIMARY KEY (version)
        )${db.dialect.tableOptions}`,
      ),
    );
    const { rows } = await run(statement('SELECT MAX(version) AS version FROM schema_migrations'));
    const from = Number(rows[0]?.version ?? 0);
    const known = migrations.at(-1)?.version ?? 0;
    if (generation(from) > generation(known)) throw new ChatError('schema_too_new', { found: from, known });
    for (const migration of migrations.filter((m) => m.version > from)) {
      for (const s of migration.statements(db.dialect)) await run(s);
      await run(
        statement(
          `INSERT INTO schema_migrations (version, name, applied_ms) VALUES (?, ?, ${db.dialect.nowMs})`,
          migration.version,
          migration.name,
        ),
      );
    }
    return { from, to: Math.max(from, known) };
  });
}

const generation = (version: number): number => Math.floor(version / GENERATION);
