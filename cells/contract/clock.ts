/** Time and chance, injected so that decisions replay and the simulation owns both. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time in milliseconds since the epoch. May jump. */
  wallMs(): number;
  /** Monotonic milliseconds; only differences mean anything. */
  monotonicMs(): number;
  /** Runs `fn` once after `delayMs`. A thrown error is a bug of `fn` and crashes the process. */
  after(delayMs: number, fn: () => void): Timer;
  /** Runs `fn` every `periodMs` until cancelled. */
  every(periodMs: number, fn: () => void): Timer;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `n` random bytes as lower-case hex (2n characters). */
  hex(n: number): string;
}

/** Resolves after `delayMs` on `clock`; rejects with the signal's reason when aborted before. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
