import { ChatError, type ErrorCode } from '../cells/contract/errors.ts';

/** chatctl's exit codes, whatever the output format. */
export const EXIT = { done: 0, failed: 1, usage: 2, timedOut: 3, refused: 4 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const BY_ERROR: Partial<Record<ErrorCode, ExitCode>> = {
  usage: EXIT.usage,
  invalid_arguments: EXIT.usage,
  timed_out: EXIT.timedOut,
  refused: EXIT.refused,
  capacity_blocked: EXIT.refused,
};

export const exitCodeOf = (e: unknown): ExitCode => BY_ERROR[ChatError.from(e).code] ?? EXIT.failed;
