/** The load runs in a process of its own, at lower priority, so that it neither slows nor is slowed by whoever watches. */
import { type ChildProcess, fork } from 'node:child_process';
import { getPriority, setPriority } from 'node:os';
import { join } from 'node:path';
import { until } from '../system/command.ts';
import type { FromLoad, LoadFigures, LoadPlan, ToLoad, Watch } from './load-messages.ts';

const NICE = 5;
const MOST_NICE = 19;

export class Load {
  readonly #child: ChildProcess;
  #figures: LoadFigures | undefined;
  #stopped = false;
  #failure: string | undefined;

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'load.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    if (this.#child.pid !== undefined) setPriority(this.#child.pid, Math.min(MOST_NICE, getPriority() + NICE));
    this.#child.on('message', (message: FromLoad) => this.#hear(message));
    this.#child.once('exit', (code, signal) => {
      if (!this.#stopped) this.#failure ??= `the load process ended with ${signal ?? code}`;
    });
  }

  get figures(): LoadFigures {
    if (this.#failure !== undefined) throw new Error(this.#failure);
    return this.#figures ?? NOTHING_YET;
  }

  start(plan: LoadPlan): void {
    this.#say({ type: 'start', plan });
  }

  watch(watch: Watch): void {
    this.#say({ type: 'watch', watch });
  }

  /** Resolves after `more` further posts were acknowledged. */
  acknowledged(more: number): Promise<void> {
    return this.reach(this.figures.acknowledged + more);
  }

  /** Resolves when `total` posts were acknowledged. */
  async reach(total: number): Promise<void> {
    await until(`${total} posts acknowledged`, 300_000, async () => this.figures.acknowledged >= total || undefined);
  }

  async stop(): Promise<LoadFigures> {
    this.#say({ type: 'stop' });
    await until('the load has come to rest', 90_000, async () => (this.figures && this.#stopped) || undefined);
    return this.figures;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #say(message: ToLoad): void {
    this.#child.send(message);
  }

  #hear(message: FromLoad): void {
    if (message.type === 'failed') {
      this.#failure = message.message;
      return;
    }
    this.#figures = message.figures;
    this.#stopped = message.type === 'stopped';
  }
}

const NOTHING_YET: LoadFigures = {
  connected: 0,
  sent: 0,
  acknowledged: 0,
  delivered: 0,
  resumes: 0,
  httpRequests: 0,
  httpFailures: 0,
  failuresByEdge: {},
  longestPostMs: 0,
  slowestMs: {},
  gapsMs: {},
  failures: [],
};
