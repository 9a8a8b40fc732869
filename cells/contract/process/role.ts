/**
 * What the module of a role exports: `<role>/main.ts` has `export const settings` and `export async function run`, and
 * `satisfies Role` checks it. The entry point (`main.ts` of the repository) parses the configuration, makes the logger,
 * runs the role until a signal and turns the outcome into the exit code; a role reads no process.env and calls no
 * process.exit.
 */
import { type Config, duration, type Settings, text } from './config.ts';
import type { RunningRole } from './lifecycle.ts';
import type { Logger } from './log.ts';

export type { RunningRole };

export interface Role<S extends Settings = Settings> {
  readonly settings: S;
  /**
   * Resolves when the role serves; rejects when it cannot start, and has then released all that it took. Its `close`
   * is called once, on SIGTERM or SIGINT.
   */
  run(config: Config<S>, log: Logger): Promise<RunningRole>;
}

/** A role that does one thing and ends, such as `migrate`. Its rejection is exit code 1. */
export interface Job<S extends Settings = Settings> {
  readonly settings: S;
  runOnce(config: Config<S>, log: Logger): Promise<void>;
}

/** Settings that the entry point adds to every role's own. */
export const roleSettings = {
  logLevel: text('LOG_LEVEL', 'Lowest level that is logged: trace, debug, info, warn, error, fatal.', 'info'),
  graceMs: duration('SHUTDOWN_GRACE', 'Time that an orderly end may take; afterwards the process exits with 1.', '25s'),
} as const satisfies Settings;
