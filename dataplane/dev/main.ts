/** The dev role, stage 1: every role in one process over SQLite, for development and small teams. */
import { join, resolve } from 'node:path';
import { ChatError } from '../../cells/contract/errors.ts';
import { type Config, integer, type Settings, text } from '../../cells/contract/process/config.ts';
import type { RunningRole } from '../../cells/contract/process/lifecycle.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { startStageOne } from './stage-one.ts';
import { welcome } from './welcome.ts';

export const settings = {
  logLevel: text('LOG_LEVEL', 'Lowest level that is logged: trace, debug, info, warn, error, fatal.', 'warn'),
  host: text('HOST', 'Address to listen on. Tokens travel in the clear: keep it a loopback address.', '127.0.0.1'),
  port: integer('PORT', 'Port of the Web API and the WebSockets; 0 takes a free one.', { min: 0, max: 65_535 }, '8080'),
  dir: text('DEV_DIR', 'Directory of the keys and the database.', '.local/dev'),
  otlpEndpoint: text('OTEL_EXPORTER_OTLP_ENDPOINT', 'OTLP/HTTP receiver for traces; empty for none.', ''),
  storeUrl: text('STORE_URL', 'sqlite:/path or mysql://…; empty for SQLite in the directory.', ''),
} as const satisfies Settings;

export async function run(config: Config<typeof settings>, log: Logger): Promise<RunningRole> {
  const { host, port } = config;
  const dir = resolve(config.dir);
  const stage = await startStageOne({
    dir,
    host,
    port,
    storeUrl: config.storeUrl || `sqlite:${join(dir, 'chatcells.db')}`,
    otlpEndpoint: config.otlpEndpoint,
    log,
  }).catch((e: unknown) => {
    throw addressError(e, { host, port }) ?? e;
  });
  const [ada, bob] = [await stage.workspaces.token('acme', 'ada'), await stage.workspaces.token('acme', 'bob')];
  process.stdout.write(welcome({ url: stage.url, dir, ada, bob }));
  return stage;
}

/** What is wrong with the address to listen on, in words for who chose it; undefined for any other error. */
function addressError(e: unknown, { host, port }: { host: string; port: number }): ChatError | undefined {
  const config = (key: string, problem: string): ChatError => new ChatError('config_invalid', { key, problem }, e);
  switch ((e as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return config('PORT', `${port} is in use; --port 0 takes a free one`);
    case 'EACCES':
      return config('PORT', `${port} needs root`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return config('HOST', `${host} is no address of this machine`);
    default:
      return undefined;
  }
}
