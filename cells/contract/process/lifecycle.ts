/** Start and orderly end of a role's process. */
import type { Logger } from './log.ts';

/** What `main.ts` starts: a role that runs until it is closed. */
export interface RunningRole {
  /** Ends by plan: no new work, hand over, then release. Idempotent. */
  close(): Promise<void>;
}

/**
 * Runs the role until SIGTERM or SIGINT, then closes it within `graceMs`. A second signal ends at once. Exit code 0
 * after an orderly end, 1 when it did not end in time or failed.
 */
export async function runUntilSignal(
  start: (log: Logger) => Promise<RunningRole>,
  log: Logger,
  graceMs: number,
): Promise<number> {
  const signalled = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
  });
  let role: RunningRole;
  try {
    role = await start(log);
  } catch (err: unknown) {
    log.fatal({ err }, 'start failed');
    return 1;
  }
  log.info('serving');
  const signal = await signalled;
  log.info({ signal, graceMs }, 'closing');
  const expired = new Promise<'expired'>((resolve) => setTimeout(resolve, graceMs, 'expired').unref());
  try {
    if ((await Promise.race([role.close(), expired])) === 'expired') {
      log.error({ graceMs }, 'did not close in time');
      return 1;
    }
    log.info('closed');
    return 0;
  } catch (err: unknown) {
    log.error({ err }, 'close failed');
    return 1;
  }
}
