/** Fresh, empty databases for tests of anything that needs a store. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createConnection } from 'mysql2/promise';

export interface TestDatabases {
  /** The store URL of a database that nobody has used. */
  fresh(): Promise<string>;
  close(): Promise<void>;
}

const CLUSTER = join(import.meta.dirname, '../../../e2e/cluster/main.ts');
/** A server that runs already, to share between runs: mysql://user@host:port/any. Its user may create databases. */
const SERVER_URL = 'CHATCELLS_TEST_MYSQL';

export function sqliteDatabases(): TestDatabases {
  const dir = mkdtempSync(join(tmpdir(), 'chatcells-sqlite-'));
  let n = 0;
  return {
    fresh: async () => `sqlite:${join(dir, `${++n}.db`)}?synchronous=normal`,
    close: async () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** A real MySQL server with a database for each call of `fresh`. */
export async function mysqlDatabases(): Promise<TestDatabases> {
  const given = process.env[SERVER_URL];
  const server = given === undefined ? await startServer() : { url: given, stop: async () => undefined };
  const made: string[] = [];
  const admin = async (sql: string): Promise<void> => {
    const connection = await createConnection(server.url);
    await connection.query(sql);
    await connection.end();
  };
  return {
    fresh: async () => {
      const name = `test_${process.pid}_${made.length}`;
      await admin(`CREATE DATABASE ${name}`);
      made.push(name);
      const url = new URL(server.url);
      url.pathname = name;
      return url.href;
    },
    close: async () => {
      if (given !== undefined) for (const name of made) await admin(`DROP DATABASE ${name}`);
      await server.stop();
    },
  };
}

async function startServer(): Promise<{ url: string; stop(): Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'chatcells-mysql-'));
  const child = spawn(process.execPath, [CLUSTER, 'mysql', '--dir', dir], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  const firstLine = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    void ended.then(() => reject(new Error('the MySQL server ended before it was ready')));
  });
  const { url } = JSON.parse(await firstLine) as { url: string };
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
