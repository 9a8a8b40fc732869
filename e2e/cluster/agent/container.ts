/** One container of a Pod over all its runs: start, probes, end, back-off, start again; and its graceful end. */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { signal, startTimeOf } from '../proc.ts';
import { type BackOffPolicy, type BackOffState, nextBackOff, noFailures } from './backoff.ts';
import { ConfigError } from './env.ts';
import { type Container, type ContainerState, type ContainerStatus, kubeTime, type Pod, type Probe } from './kube.ts';
import { restarts } from './pod-status.ts';
import { attempt, type ProbeTarget } from './probe-run.ts';
import { Probes } from './probes.ts';

export interface Launched {
  child: ChildProcess;
  target: ProbeTarget;
}

export interface ContainerHost {
  /** Starts the process. Throws ConfigError, or the API's error, when something it needs is not there. */
  launch(container: Container): Promise<Launched>;
  /** The status is another. */
  onChange(): void;
  /** A process started (pid and start time) or ended (undefined). */
  onProcess(container: string, process: { pid: number; startTime: string } | undefined): void;
  warn(reason: string, message: string): void;
}

export interface ContainerOptions {
  spec: Container;
  restartPolicy: Pod['spec']['restartPolicy'];
  /** Grace in milliseconds of a restart that a probe asks for. */
  graceMs: number;
  backOff: BackOffPolicy;
  host: ContainerHost;
  /** What an agent before this one reported; its processes are gone by now. */
  previous: ContainerStatus | undefined;
}

interface Run extends Launched {
  probes: Probes;
  startedAt: string;
  begun: number;
  killTimer?: NodeJS.Timeout;
  killAt: number;
  /** Set once the end was asked for. */
  ending: boolean;
  ended: Promise<number>;
}

const RETRY_MS = 1_000;

export class ContainerRunner {
  readonly #options: ContainerOptions;
  #state: ContainerState = { waiting: { reason: 'ContainerCreating' } };
  #lastState: ContainerState = {};
  #restartCount = 0;
  #containerId: string | undefined;
  #ready = false;
  #started = false;
  #backOff: BackOffState = noFailures;
  #run: Run | undefined;
  readonly #stopped = new AbortController();

  constructor(options: ContainerOptions) {
    this.#options = options;
    if (options.previous) this.#resume(options.previous);
  }

  get status(): ContainerStatus {
    const { spec } = this.#options;
    return {
      name: spec.name,
      image: spec.image,
      imageID: `host:${spec.image}`,
      ...(this.#containerId ? { containerID: this.#containerId } : {}),
      state: this.#state,
      lastState: this.#lastState,
      ready: this.#ready,
      started: this.#started,
      restartCount: this.#restartCount,
    };
  }

  /** Runs the container until it will not be started again; resolves with its last exit code. */
  async runUntilOver(): Promise<number> {
    const before = this.#state.terminated;
    if (before && !restarts(this.#options.restartPolicy, before.exitCode)) return before.exitCode;
    let again = before !== undefined;
    for (;;) {
      if (this.#stopped.signal.aborted) return this.#state.terminated?.exitCode ?? this.#never();
      const launched = await this.#launch();
      if (!launched) continue;
      const { exitCode, ranMs } = await this.#oneRun(launched, again);
      again = true;
      if (this.#stopped.signal.aborted || !restarts(this.#options.restartPolicy, exitCode)) return exitCode;
      await this.#waitBackOff(ranMs);
    }
  }

  /** Ends it for good: preStop hook, SIGTERM, SIGKILL after `graceMs`. A second call can only shorten the grace. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped.abort();
    const run = this.#run;
    if (!run) return;
    run.probes.stopLiveness();
    await this.#end(run, graceMs);
  }

  /** Forgets the process without touching it: the agent goes, the container stays. */
  abandon(): void {
    this.#stopped.abort();
    this.#run?.probes.close();
    clearTimeout(this.#run?.killTimer);
  }

  #resume(previous: ContainerStatus): void {
    this.#restartCount = previous.restartCount;
    this.#containerId = previous.containerID;
    this.#lastState = previous.lastState;
    this.#state = previous.state.running
      ? {
          terminated: {
            exitCode: 137,
            reason: 'ContainerStatusUnknown',
            message: 'The node agent was started anew.',
            startedAt: previous.state.running.startedAt,
            finishedAt: kubeTime(Date.now()),
          },
        }
      : previous.state;
  }

  /** A container that was told to stop before it ever ran. */
  #never(): number {
    this.#state = {
      terminated: { exitCode: 137, reason: 'ContainerStatusUnknown', finishedAt: kubeTime(Date.now()) },
    };
    return 137;
  }

  async #launch(): Promise<Launched | undefined> {
    try {
      return await this.#options.host.launch(this.#options.spec);
    } catch (error) {
      const reason = error instanceof ConfigError ? 'CreateContainerConfigError' : 'CreateContainerError';
      const message = error instanceof Error ? error.message : String(error);
      this.#options.host.warn('Failed', message);
      this.#wait(reason, message);
      await this.#pause(RETRY_MS);
      return undefined;
    }
  }

  async #oneRun(launched: Launched, again: boolean): Promise<{ exitCode: number; ranMs: number }> {
    const run = this.#begin(launched, again);
    const exitCode = await run.ended;
    run.probes.close();
    clearTimeout(run.killTimer);
    // What the process left behind in its group ends with it, as in a container.
    if (run.child.pid !== undefined) signal(-run.child.pid, 'SIGKILL');
    this.#run = undefined;
    this.#ready = false;
    this.#started = false;
    this.#state = { terminated: ended(run, exitCode, this.#containerId) };
    this.#options.host.onProcess(this.#options.spec.name, undefined);
    this.#options.host.onChange();
    return { exitCode, ranMs: performance.now() - run.begun };
  }

  #begin({ child, target }: Launched, again: boolean): Run {
    const { spec, host } = this.#options;
    const startTime = child.pid === undefined ? undefined : startTimeOf(child.pid);
    const ended = new Promise<number>((resolve) => {
      child.once('error', () => resolve(128));
      child.once('exit', (code, name) => resolve(code ?? 128 + (name ? constants.signals[name] : 0)));
    });
    const probes = new Probes(spec, target, {
      onStarted: () => this.#set(() => (this.#started = true)),
      onReady: (ready) => this.#set(() => (this.#ready = ready)),
      onUnhealthy: (kind, message) => host.warn('Unhealthy', `${kind} probe of ${spec.name} failed: ${message}`),
      onFailed: (kind, probe) => this.#restartFor(kind, probe),
    });
    const startedAt = kubeTime(Date.now());
    const run: Run = {
      child,
      target,
      probes,
      startedAt,
      begun: performance.now(),
      killAt: Number.POSITIVE_INFINITY,
      ending: false,
      ended,
    };
    if (again) {
      this.#restartCount++;
      if (this.#state.terminated) this.#lastState = this.#state;
    }
    this.#run = run;
    this.#containerId = `process://${child.pid}-${startTime}`;
    this.#state = { running: { startedAt } };
    if (child.pid !== undefined && startTime !== undefined) host.onProcess(spec.name, { pid: child.pid, startTime });
    probes.start();
    host.onChange();
    // Told to stop while the process was being started.
    if (this.#stopped.signal.aborted) void this.#end(run, 0);
    return run;
  }

  #restartFor(kind: 'Startup' | 'Liveness', probe: Probe): void {
    const run = this.#run;
    if (!run) return;
    this.#options.host.warn('Killing', `container ${this.#options.spec.name} failed its ${kind} probe`);
    const seconds = probe.terminationGracePeriodSeconds;
    void this.#end(run, seconds === undefined ? this.#options.graceMs : seconds * 1000);
  }

  async #end(run: Run, graceMs: number): Promise<void> {
    const pid = run.child.pid;
    if (pid === undefined) return;
    this.#killBy(run, pid, performance.now() + graceMs);
    if (!run.ending) {
      run.ending = true;
      const hook = this.#options.spec.lifecycle?.preStop;
      if (hook) await Promise.race([attempt(hook, run.target, graceMs), run.ended]);
      if (this.#run === run) signal(pid, 'SIGTERM');
    }
    await run.ended;
  }

  #killBy(run: Run, pid: number, at: number): void {
    if (at >= run.killAt) return;
    run.killAt = at;
    clearTimeout(run.killTimer);
    run.killTimer = setTimeout(
      () => {
        if (this.#run === run) signal(-pid, 'SIGKILL');
      },
      Math.max(0, at - performance.now()),
    );
  }

  async #waitBackOff(ranMs: number): Promise<void> {
    const next = nextBackOff(this.#backOff, ranMs, this.#options.backOff);
    this.#backOff = next.state;
    if (next.waitMs === 0) return;
    const { name } = this.#options.spec;
    this.#options.host.warn('BackOff', `Back-off restarting failed container ${name}`);
    const ended = this.#state;
    this.#lastState = ended;
    this.#wait('CrashLoopBackOff', `back-off ${next.waitMs} ms restarting failed container ${name}`);
    await this.#pause(next.waitMs);
    // Told to stop: what it ended with stands.
    if (this.#stopped.signal.aborted) this.#state = ended;
  }

  #wait(reason: string, message: string): void {
    if (this.#state.waiting?.reason === reason && this.#state.waiting.message === message) return;
    this.#state = { waiting: { reason, message } };
    this.#options.host.onChange();
  }

  #set(change: () => void): void {
    if (!this.#run && this.#state.terminated) return;
    change();
    this.#options.host.onChange();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#stopped;
      if (signal.aborted) return resolve();
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

function ended(run: Run, exitCode: number, containerID: string | undefined): NonNullable<ContainerState['terminated']> {
  return {
    exitCode,
    ...(exitCode > 128 ? { signal: exitCode - 128 } : {}),
    reason: exitCode === 0 ? 'Completed' : 'Error',
    startedAt: run.startedAt,
    finishedAt: kubeTime(Date.now()),
    ...(containerID ? { containerID } : {}),
  };
}
