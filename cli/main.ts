/** chatctl: writes intent to custom resources and shows what becomes of it. */
import { resolve } from 'node:path';
import type { Environment } from './context.ts';
import { runCommand } from './run-command.ts';
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

process.exit(await runCommand(process.argv.slice(2), processEnvironment()));
