/** chatctl: writes intent to custom resources and shows what becomes of it. */
import { resolve } from 'node:path';
import { CommanderError } from 'commander';
import { ChatError } from '../cells/contract/errors.ts';
import type { Environment } from './context.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { handOver, isHandedOver } from './hand-over.ts';
import { processTerminal } from './terminal.ts';

function processEnvironment(): Environment {
  let interrupted = false;
  const wakers = new Set<() => void>();
  process.on('SIGINT', () => {
    if (interrupted) process.exit(130);
    interrupted = true;
    for (const wake of wakers) wake();
  });
  return {
    env: process.env,
    terminal: processTerminal(process.env),
    root: process.env.CHATCTL_ROOT ?? resolve(import.meta.dirname, '..'),
    cwd: process.cwd(),
    nowMs: Date.now,
    pause: (ms) =>
      new Promise((done) => {
        if (interrupted) return done();
        const wake = (): void => {
          clearTimeout(timer);
          wakers.delete(wake);
          done();
        };
        const timer = setTimeout(wake, ms);
        wakers.add(wake);
      }),
    interrupted: () => interrupted,
  };
}

async function main(argv: readonly string[]): Promise<number> {
  const environment = processEnvironment();
  const [name, ...args] = argv;
  try {
    // Before the command tree: it brings the Kubernetes client with it, a second of start-up that `dev` does not have.
    if (isHandedOver(name)) return await handOver(environment.root, name, args);
    const { createProgram } = await import('./program.ts');
    const { program, exitCode } = createProgram(environment);
    await program.parseAsync(argv, { from: 'user' });
    return exitCode();
  } catch (e: unknown) {
    if (e instanceof CommanderError) return e.exitCode === 0 ? EXIT.done : EXIT.usage;
    const error = ChatError.from(e);
    const cause =
      error.cause instanceof Error && !error.message.includes(error.cause.message) ? ` (${error.cause.message})` : '';
    environment.terminal.note(`chatctl: ${error.message}${cause}`);
    environment.terminal.note(error.hint);
    return exitCodeOf(e);
  }
}

process.exit(await main(process.argv.slice(2)));
