/** MySQL 9.7 on loopback, every durability option on. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { logTail } from './control-plane.ts';
import { ROOT, TOOLS } from './layout.ts';
import { type Lifetime, Processes } from './processes.ts';
import { until } from './wait.ts';

const run = promisify(execFile);
const HOST = '127.0.0.1';
const MYSQLD = join(TOOLS, 'bin/mysqld');
/** Changes when the template below does, so that an older one is not used. */
const TEMPLATE = join(ROOT, '.local/mysql-template-1');

export interface MysqlOptions {
  /** Folder of all state; made when missing, kept by `close`. */
  dir: string;
  port: number;
  /** Default `bound`: the server dies with this process. */
  lifetime?: Lifetime;
}

export interface Mysql {
  /** `mysql://root@127.0.0.1:<port>/chat` */
  url: string;
  close(): Promise<void>;
}

export const mysqlUrl = (port: number): string => `mysql://root@${HOST}:${port}/chat`;

/** Starts the server and resolves when it takes connections. Idempotent. The database `chat` is there, and empty. */
export async function startMysql(options: MysqlOptions): Promise<Mysql> {
  const { dir, port } = options;
  mkdirSync(dir, { recursive: true });
  const processes = new Processes(dir, options.lifetime ?? 'bound');
  const data = join(dir, 'mysql');
  if (!existsSync(data)) await newDataDir(data);
  processes.start({
    name: 'mysqld',
    command: MYSQLD,
    args: [
      ...serverFlags(),
      `--datadir=${data}`,
      `--bind-address=${HOST}`,
      `--port=${port}`,
      // Relative to the data directory, since a socket's path is limited to 107 bytes.
      '--socket=mysqld.sock',
      `--pid-file=${join(dir, 'mysqld.pid')}`,
      '--server-id=1',
    ],
  });
  await listening(processes, port);
  return { url: mysqlUrl(port), close: () => processes.stop('mysqld', 30_000) };
}

function serverFlags(): string[] {
  const share = join(TOOLS, 'mysql/usr/share/mysql');
  return [
    '--no-defaults',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    '--secure-file-priv=NULL',
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${join(share, 'charsets')}`,
    `--plugin-dir=${join(TOOLS, 'mysql/usr/lib/mysql/plugin')}`,
    // Stored before acknowledged: nothing here may trade durability for speed.
    '--innodb-flush-log-at-trx-commit=1',
    '--sync-binlog=1',
    '--innodb-doublewrite=ON',
    '--log-bin=binlog',
    '--binlog-format=ROW',
    '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON',
    '--binlog-expire-logs-seconds=7200',
    '--innodb-buffer-pool-size=128M',
    '--innodb-redo-log-capacity=128M',
    '--performance-schema=OFF',
    '--mysqlx=OFF',
    '--skip-name-resolve',
    '--max-connections=500',
    '--auto-generate-certs=OFF',
    '--caching-sha2-password-auto-generate-rsa-keys=OFF',
    '--tls-version=',
    '--sql-mode=STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION',
    '--character-set-server=utf8mb4',
    '--default-time-zone=+00:00',
  ];
}

/** A copy of the template, which is made on first use (some seconds). */
async function newDataDir(data: string): Promise<void> {
  if (!existsSync(TEMPLATE)) await makeTemplate();
  const draft = `${data}.new`;
  rmSync(draft, { recursive: true, force: true });
  cpSync(TEMPLATE, draft, { recursive: true });
  renameSync(draft, data);
}

async function makeTemplate(): Promise<void> {
  const draft = `${TEMPLATE}.${process.pid}`;
  mkdirSync(join(ROOT, '.local'), { recursive: true });
  const sql = `${draft}.sql`;
  // With skip-name-resolve nobody on TCP is "localhost": accounts go by address.
  const statements = [
    "CREATE USER root@'127.%'",
    "GRANT ALL ON *.* TO root@'127.%' WITH GRANT OPTION",
    'CREATE DATABASE chat',
  ];
  writeFileSync(sql, statements.map((statement) => `${statement};\n`).join(''));
  try {
    await run(MYSQLD, [...serverFlags(), `--datadir=${draft}`, '--initialize-insecure', `--init-file=${sql}`]);
    // The server's UUID: each copy makes its own.
    rmSync(join(draft, 'auto.cnf'), { force: true });
    // Another process may have been first; its template is as good.
    if (!existsSync(TEMPLATE)) renameSync(draft, TEMPLATE);
  } finally {
    rmSync(draft, { recursive: true, force: true });
    rmSync(sql, { force: true });
  }
}

async function listening(processes: Processes, port: number): Promise<void> {
  const explain = (): string => logTail(processes.logFile('mysqld'));
  await until(
    'mysqld to take connections',
    async () => {
      if (await greets(port)) return true;
      if (processes.find('mysqld') === undefined) throw new Error(`mysqld ended while it started:\n${explain()}`);
      return false;
    },
    { deadlineMs: 60_000, everyMs: 100, explain },
  );
}

/** Whether a MySQL server speaks there: it greets first. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: HOST, port });
    socket.setTimeout(2_000, () => socket.destroy());
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
  });
}
