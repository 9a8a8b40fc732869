/** Starts `dev` as a process on a free port, with a directory of its own. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { SdkTarget } from './sdk-scenario.ts';

const MAIN = join(import.meta.dirname, '../../main.ts');
const run = promisify(execFile);

export async function startDevProcess(): Promise<SdkTarget & { close(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'chatcells-dev-'));
  const child = spawn(process.execPath, [MAIN, 'dev', '--port', '0', '--dev-dir', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    await rm(dir, { recursive: true, force: true });
  };
  const token = async (user: string): Promise<string> =>
    (await run(process.execPath, [MAIN, 'dev-token', '--dev-dir', dir, '--user-name', user])).stdout.trim();
  for await (const line of createInterface(child.stdout)) {
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (url !== undefined) return { url, tokenA: await token('ada'), tokenB: await token('bob'), close };
  }
  await close();
  throw new Error('dev ended before it was ready');
}
