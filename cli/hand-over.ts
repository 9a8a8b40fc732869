/** Commands that are processes of their own: the terminal is handed to them, and their exit code is chatctl's. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ChatError } from '../cells/contract/errors.ts';
import type { ExitCode } from './exit-codes.ts';

export const HANDED_OVER = ['dev', 'dev-token', 'cluster'] as const;
export type HandedOver = (typeof HANDED_OVER)[number];

export const isHandedOver = (name: string | undefined): name is HandedOver =>
  (HANDED_OVER as readonly (string | undefined)[]).includes(name);

/** Runs it in `root` until it ends. Rejects with `usage` when this installation does not have it. */
export function handOver(root: string, name: HandedOver, args: readonly string[]): Promise<ExitCode> {
  if (name === 'cluster') return run(root, 'e2e/cluster/main.ts', args);
  return run(root, existsSync(join(root, 'main.ts')) ? 'main.ts' : 'dist/main.js', [name, ...args]);
}

function run(root: string, script: string, args: readonly string[]): Promise<ExitCode> {
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
