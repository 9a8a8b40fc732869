/** Runs the commands that a user would type, as processes. */
import { spawn } from 'node:child_process';
import { join, relative } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  env?: Readonly<Record<string, string>>;
  /** Show its stderr as it comes. */
  live?: boolean;
  /** Accept any exit code; otherwise a code other than 0 rejects with the end of stderr. */
  anyCode?: boolean;
  timeoutMs?: number;
  input?: string;
}

export async function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 300_000,
  });
  child.stdin.on('error', () => {}); // it may have ended without reading
  child.stdin.end(options.input ?? '');
  const out: string[] = [];
  const err: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => void out.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err.push(text);
    if (options.live) process.stderr.write(text);
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit, signal) => resolve(exit ?? (signal ? 128 : 1)));
  });
  const result = { code, stdout: out.join(''), stderr: err.join('') };
  if (code !== 0 && !options.anyCode) {
    // Verdicts are published: paths are of the checkout, not of the machine.
    const said = [command, ...args].map((word) => (word.startsWith(ROOT) ? relative(ROOT, word) : word)).join(' ');
    throw new Error(
      `${said} ended with ${code}:\n${result.stderr.split('\n').slice(-15).join('\n')}${result.stdout.slice(-500)}`,
    );
  }
  return result;
}

/** chatctl as it stands in the checkout. */
export const chatctl = (args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> =>
  run(process.execPath, [join(ROOT, 'cli/main.ts'), ...args], options);

export const cluster = (args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> =>
  run(process.execPath, [join(ROOT, 'e2e/cluster/main.ts'), ...args], options);

/** Polls `probe` until it gives a value; rejects with what it waits for at the deadline. */
export async function until<T>(what: string, timeoutMs: number, probe: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined) return value;
      last = undefined;
    } catch (e: unknown) {
      last = e;
    }
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
