/** One command line: what it says, and the exit code that it ends with, whatever happens. */
import { CommanderError } from 'commander';
import { ChatError } from '../cells/contract/errors.ts';
import type { Environment } from './context.ts';
import { EXIT, type ExitCode, exitCodeOf } from './exit-codes.ts';
import { handOver, isHandedOver } from './hand-over.ts';

export async function runCommand(argv: readonly string[], environment: Environment): Promise<ExitCode> {
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
