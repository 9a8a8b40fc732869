/**
 * The loop of one controller: takes a key, reconciles it, acts on the outcome. A reconciler gets the key alone and reads
 * the world itself, so that it does not matter how many changes, or which, led to it.
 */
import type { Clock, Random } from '../../cells/contract/clock.ts';
import { assertNever } from '../../cells/contract/errors.ts';
import { refusedStatus } from '../../cells/contract/kube/client.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import type { ControllerMetrics } from './metrics.ts';
import { RateLimit, type RateLimitOptions } from './rate-limit.ts';
import { WorkQueue } from './work-queue.ts';

/** `terminal`: trying again without a change of the object is of no use. To fail and be tried again, throw. */
export type Outcome = { kind: 'done' } | { kind: 'requeueAfter'; ms: number } | { kind: 'terminal'; reason: string };

export const DONE: Outcome = { kind: 'done' };
export const requeueAfter = (ms: number): Outcome => ({ kind: 'requeueAfter', ms });

export interface ReconcileContext {
  /** Carries the controller, the key and the reconcileID. */
  log: Logger;
  /** Aborted when the process no longer leads: what is not yet written must not be. */
  signal: AbortSignal;
}

export interface ControllerOptions {
  name: string;
  /** Key: `<namespace>/<name>`. */
  reconcile(key: string, context: ReconcileContext): Promise<Outcome>;
  workers?: number;
  rateLimit?: RateLimitOptions;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: ControllerMetrics;
}

export class Controller {
  readonly #options: ControllerOptions;
  readonly #limit: RateLimit;
  readonly #queue: WorkQueue;
  readonly #stop = new AbortController();
  #workers: Promise<void>[] = [];

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#limit = new RateLimit(options.clock, options.rateLimit);
    this.#queue = new WorkQueue(options.clock);
    for (const result of ['done', 'requeue_after', 'terminal', 'conflict', 'error']) {
      options.metrics.reconciles.inc({ controller: options.name, result }, 0);
    }
    options.metrics.errors.inc({ controller: options.name }, 0);
    options.metrics.failing.set({ controller: options.name }, 0);
  }

  get name(): string {
    return this.#options.name;
  }

  /** True while nothing waits or is worked on; what is to come back later does not count. */
  get idle(): boolean {
    return this.#queue.idle;
  }

  add(key: string): void {
    this.#queue.add(key);
    this.#options.metrics.depth.set({ controller: this.name }, this.#queue.depth);
  }

  /** Call once. */
  start(): void {
    this.#workers = Array.from({ length: this.#options.workers ?? 1 }, () => this.#work());
  }

  /** Resolves when the reconciliations under way have ended. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('closed'));
    this.#queue.close();
    await Promise.all(this.#workers);
    this.#options.metrics.failing.set({ controller: this.name }, 0); // the next leader tells
  }

  async #work(): Promise<void> {
    for (;;) {
      const item = await this.#queue.take();
      if (item === undefined) return;
      const { metrics } = this.#options;
      metrics.depth.set({ controller: this.name }, this.#queue.depth);
      metrics.queueSeconds.observe({ controller: this.name }, item.waitedMs / 1000);
      await this.#reconcile(item.key);
      this.#queue.done(item.key);
    }
  }

  async #reconcile(key: string): Promise<void> {
    const { clock, random, metrics, log: parent } = this.#options;
    const log = parent.child({ controller: this.name, key, reconcileID: random.hex(8) });
    const startedMs = clock.monotonicMs();
    try {
      const outcome = await this.#options.reconcile(key, { log, signal: this.#stop.signal });
      this.#act(key, outcome, log);
    } catch (err) {
      if (this.#stop.signal.aborted) return;
      this.#failed(key, err, log);
    } finally {
      metrics.failing.set({ controller: this.name }, this.#limit.failing);
      metrics.duration.observe({ controller: this.name }, (clock.monotonicMs() - startedMs) / 1000);
    }
  }

  #failed(key: string, err: unknown, log: Logger): void {
    const delayMs = Math.round(this.#limit.delayMs(key));
    const persists = this.#limit.failures(key) > 5;
    this.#queue.addAfter(key, delayMs);
    if (refusedStatus(err) === 409 && !persists) {
      // It decided on what has changed since: nothing is wrong.
      log.debug({ err, delayMs }, 'the object has changed meanwhile: trying again');
      this.#count('conflict');
      return;
    }
    log[persists ? 'error' : 'warn']({ err, delayMs }, 'reconciliation failed: trying again');
    this.#options.metrics.errors.inc({ controller: this.name });
    this.#count('error');
  }

  #act(key: string, outcome: Outcome, log: Logger): void {
    this.#limit.forget(key);
    switch (outcome.kind) {
      case 'done':
        this.#count('done');
        return;
      case 'requeueAfter':
        this.#queue.addAfter(key, outcome.ms);
        this.#count('requeue_after');
        return;
      case 'terminal':
        log.error({ reason: outcome.reason }, 'cannot be reconciled before the object changes');
        this.#count('terminal');
        return;
      default:
        assertNever(outcome);
    }
  }

  #count(result: string): void {
    this.#options.metrics.reconciles.inc({ controller: this.name, result });
  }
}
