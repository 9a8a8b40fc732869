/** The local cluster's command line; `chatctl cluster` starts it. Data on stdout, progress on stderr. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { runApiServer, runMysql } from './foreground.ts';

const program = new Command('cluster').description('The local cluster of Chatcells.');

program
  .command('apiserver')
  .description('etcd and an API server alone, for tests, until SIGTERM or end of input')
  .requiredOption('--dir <folder>', 'folder of all state')
  .action(async (options: { dir: string }) => runApiServer(resolve(options.dir)));

program
  .command('mysql')
  .description('a MySQL server alone, for tests, until SIGTERM or end of input')
  .requiredOption('--dir <folder>', 'folder of all state')
  .action(async (options: { dir: string }) => runMysql(resolve(options.dir)));

try {
  await program.parseAsync();
  process.exit(process.exitCode ?? 0);
} catch (error) {
  console.error(`cluster: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
