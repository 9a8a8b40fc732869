/** Waiting for a condition, with a deadline. */
import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** Milliseconds until it gives up. */
  deadlineMs: number;
  /** Milliseconds between two looks. */
  everyMs?: number;
  /** Called when time is up; its text ends the error. */
  explain?: () => string;
}

/** Polls `look` until it gives something else than undefined or false; throws `timed out waiting for <what>`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  options: WaitOptions,
): Promise<T> {
  const end = performance.now() + options.deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) {
      throw new Error(`timed out after ${options.deadlineMs} ms waiting for ${what}${explained(options)}`);
    }
    await delay(options.everyMs ?? 50);
  }
}

const explained = (options: WaitOptions): string => (options.explain ? `:\n${options.explain()}` : '');
