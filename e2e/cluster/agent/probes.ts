/** The probes of one run of a container: startup first, then liveness and readiness side by side. */
import type { Container, Probe } from './kube.ts';
import { attempt, type ProbeTarget } from './probe-run.ts';
import { initialProbeState, observe, observeStartup } from './probe-state.ts';

export interface ProbeEvents {
  /** The startup probe succeeded, or there is none. */
  onStarted(): void;
  onReady(ready: boolean): void;
  /** The container must be killed and started again. */
  onFailed(kind: 'Startup' | 'Liveness', probe: Probe, message: string): void;
  onUnhealthy(kind: 'Startup' | 'Liveness' | 'Readiness', message: string): void;
}

export class Probes {
  readonly #container: Container;
  readonly #target: ProbeTarget;
  readonly #events: ProbeEvents;
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;
  #alive = true;

  constructor(container: Container, target: ProbeTarget, events: ProbeEvents) {
    this.#container = container;
    this.#target = target;
    this.#events = events;
  }

  start(): void {
    const probe = this.#container.startupProbe;
    if (!probe) {
      this.#started();
      return;
    }
    let failures = 0;
    this.#loop(probe, (succeeded, message) => {
      const next = observeStartup(failures, succeeded, probe);
      failures = next.failures;
      if (!succeeded) this.#events.onUnhealthy('Startup', message);
      if (next.failed) this.#events.onFailed('Startup', probe, message);
      else if (next.started) this.#started();
      return !next.started && !next.failed;
    });
  }

  /** From the start of termination on a container is no longer killed for what its probes say. */
  stopLiveness(): void {
    this.#alive = false;
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #started(): void {
    this.#events.onStarted();
    this.#liveness(this.#container.livenessProbe);
    this.#readiness(this.#container.readinessProbe);
  }

  #liveness(probe: Probe | undefined): void {
    if (!probe) return;
    let state = initialProbeState('liveness');
    this.#loop(probe, (succeeded, message) => {
      const next = observe(state, succeeded, probe);
      state = next.state;
      if (!this.#alive) return false;
      if (!succeeded) this.#events.onUnhealthy('Liveness', message);
      if (next.failed) this.#events.onFailed('Liveness', probe, message);
      return !next.failed;
    });
  }

  #readiness(probe: Probe | undefined): void {
    if (!probe) {
      this.#events.onReady(true);
      return;
    }
    let state = initialProbeState('readiness');
    this.#loop(probe, (succeeded, message) => {
      const before = state.healthy;
      state = observe(state, succeeded, probe).state;
      if (!succeeded && before) this.#events.onUnhealthy('Readiness', message);
      if (state.healthy !== before) this.#events.onReady(state.healthy);
      return true;
    });
  }

  /** Attempts one after another, a period apart from start to start, until `take` says no. */
  #loop(probe: Probe, take: (succeeded: boolean, message: string) => boolean): void {
    const period = (probe.periodSeconds ?? 10) * 1000;
    const timeout = (probe.timeoutSeconds ?? 1) * 1000;
    const round = async (): Promise<void> => {
      const begun = performance.now();
      const result = await attempt(probe, this.#target, timeout);
      if (this.#closed || !take(result.succeeded, result.message)) return;
      this.#after(Math.max(0, period - (performance.now() - begun)), round);
    };
    this.#after((probe.initialDelaySeconds ?? 0) * 1000, round);
  }

  #after(ms: number, round: () => Promise<void>): void {
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void round();
    }, ms);
    this.#timers.add(timer);
  }
}
