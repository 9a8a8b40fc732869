/**
 * Seeds on several threads. A run is a world of its own and depends on its seed alone, so how many run beside it
 * changes nothing; results are looked at in the order of the seeds.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Plant } from '../protocol/plants.ts';
import type { RunResult } from './scenario.ts';

export interface Job {
  seed: string;
  plant?: Plant | undefined;
  trace?: boolean | undefined;
}

/** More would only fight for memory; CI has two cores. */
const MAX_LANES = 4;
const RUNNER = new URL('./runner.ts', import.meta.url);

export class Lanes {
  readonly #count: number;

  constructor(count = Math.min(availableParallelism(), MAX_LANES)) {
    this.#count = count;
  }

  /**
   * Runs jobs in order until one breaks; `each` is called for all that ended, in order. Resolves to the first broken
   * run: jobs are taken in order and what was taken is finished, so no earlier one can be broken.
   */
  async untilBroken(jobs: Iterable<Job>, each: (result: RunResult) => void): Promise<RunResult | undefined> {
    const iterator = jobs[Symbol.iterator]();
    const results: RunResult[] = [];
    let taken = 0;
    let broken = false;
    const lane = async (): Promise<void> => {
      const worker = new Worker(RUNNER);
      for (let next = iterator.next(); !broken && !next.done; next = iterator.next()) {
        const index = taken++;
        const result = await run(worker, next.value);
        results[index] = result;
        broken ||= result.violations.length > 0;
        if (result.died === true) break;
      }
      await worker.terminate();
    };
    await Promise.all(Array.from({ length: this.#count }, lane));
    const first = results.findIndex((r) => r.violations.length > 0);
    for (const result of first < 0 ? results : results.slice(0, first + 1)) each(result);
    return results[first];
  }
}

/** An error that nobody caught ends the thread: that is a finding of its seed, as the crash of a process would be. */
function run(worker: Worker, job: Job): Promise<RunResult & { died?: boolean }> {
  return new Promise((resolve) => {
    const died = (why: string): void => {
      done();
      const violations = [{ invariant: 'no process crashes', message: why, history: [] }];
      resolve({ seed: job.seed, violations, acknowledged: 0, delivered: 0, hash: '', trace: [], died: true });
    };
    const message = (result: RunResult): void => {
      done();
      resolve(result);
    };
    const error = (e: unknown): void => died(e instanceof Error ? (e.stack ?? e.message) : String(e));
    const exit = (code: number): void => died(`the thread ended with code ${code}`);
    const done = (): void => void worker.off('message', message).off('error', error).off('exit', exit);
    worker.on('message', message).on('error', error).on('exit', exit);
    worker.postMessage(job);
  });
}
