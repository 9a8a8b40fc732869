/** `chatctl cluster` and `chatctl dev`: processes of their own, with the terminal handed to them. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ChatError } from '../../cells/contract/errors.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Registrar } from '../program.ts';

export function addClusterCommands({ command, environment, done }: Registrar): void {
  command('cluster [args...]', 'The local cluster: up, down, status, fault …; see `chatctl cluster -- --help`.', [
    'chatctl cluster up',
    'chatctl cluster status -o json',
    'chatctl cluster fault kill cell-c-channel-0',
    'chatctl cluster fault cut zone-a zone-b',
    'chatctl cluster down',
  ])
    .allowUnknownOption()
    .helpOption(false)
    .passThroughOptions()
    .action(async (args: string[]) => {
      done(await run(environment.root, ['e2e/cluster/main.ts', ...args]));
    });
  command('dev [args...]', 'Everything in one process over SQLite, for development; see `chatctl dev --help`.', [
    'chatctl dev',
    'chatctl dev --port 8090',
  ])
    .allowUnknownOption()
    .helpOption(false)
    .passThroughOptions()
    .action(async (args: string[]) => {
      const entry = existsSync(join(environment.root, 'main.ts')) ? 'main.ts' : 'dist/main.js';
      done(await run(environment.root, [entry, 'dev', ...args]));
    });
}

function run(root: string, [script = '', ...args]: string[]): Promise<ExitCode> {
  const path = join(root, script);
  if (!existsSync(path))
    throw new ChatError('usage', { problem: `${script} is not part of this installation: use a checkout.` });
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', path, ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  // The terminal sends Ctrl-C to the child as well; a signal to this process alone is passed on.
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve((code ?? (signal === null ? 1 : 130)) as ExitCode));
  });
}
