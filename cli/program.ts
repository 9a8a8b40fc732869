/** The command tree. Each command is an async function of its context that returns an exit code. */
import { Command } from 'commander';
import { addClusterCommands } from './commands/cluster.ts';
import { addDrainCommands } from './commands/drain.ts';
import { addGetCommands } from './commands/get.ts';
import { addPauseCommands } from './commands/pause.ts';
import { addPracticeCommands } from './commands/practice.ts';
import { addProxyConfigCommand } from './commands/proxy-config.ts';
import { addProxyStatusCommand } from './commands/proxy-status.ts';
import { addRingCommands } from './commands/ring.ts';
import { addStatusCommand } from './commands/status.ts';
import { addTokenCommand } from './commands/token.ts';
import { addWhereCommand } from './commands/where.ts';
import { addGlobalOptions, Context, type Environment, type GlobalOptions } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';

export interface Registrar {
  program: Command;
  environment: Environment;
  /** A command that talks to a cluster. `examples`: one a line, shown by --help. */
  command(nameAndArgs: string, about: string, examples: readonly string[], parent?: Command): Command;
  /** The last parameter of a commander action is the command itself. */
  context(command: Command): Context;
  done(code: ExitCode): void;
}

export function createProgram(environment: Environment): { program: Command; exitCode: () => ExitCode } {
  let code: ExitCode = EXIT.done;
  const program = addGlobalOptions(
    new Command('chatctl')
      .description(
        'The hand on the wheel of Chatcells: writes intent to custom resources and shows what becomes of it.',
      )
      .version('0.1.0')
      .showHelpAfterError('See --help.')
      .enablePositionalOptions()
      .exitOverride()
      .configureOutput({ writeErr: (text) => environment.terminal.note(text.trimEnd()) })
      .addHelpText(
        'after',
        '\nExit codes: 0 done or already so, 1 failed, 2 usage, 3 timed out (the work goes on), 4 refused by a guard.\n\nStart here:\n  chatctl dev                      everything in one process\n  chatctl status                   what there is, and what is wrong with it\n  chatctl drain cell-b --dry-run   what a drain would do',
      ),
  );
  const registrar: Registrar = {
    program,
    environment,
    command: (nameAndArgs, about, examples, parent = program) =>
      addGlobalOptions(parent.command(nameAndArgs).description(about)).addHelpText(
        'after',
        `\nExamples:\n${examples.map((e) => `  ${e}`).join('\n')}`,
      ),
    context: (command) => new Context(environment, command.optsWithGlobals<GlobalOptions>()),
    done: (c) => {
      code = c;
    },
  };
  for (const add of [
    addStatusCommand,
    addGetCommands,
    addDrainCommands,
    addPauseCommands,
    addPracticeCommands,
    addRingCommands,
    addWhereCommand,
    addTokenCommand,
    addProxyStatusCommand,
    addProxyConfigCommand,
    addClusterCommands,
  ])
    add(registrar);
  return { program, exitCode: () => code };
}
