/**
 * A simulated operating-system process: the only door through which time, frames and answers reach the code in it.
 * Killed, nothing comes in any more. Stopped (SIGSTOP), everything waits outside and comes in late on `continue`.
 * A restart is a new SimProcess.
 */
import type { Clock, Timer } from '../../cells/contract/clock.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface ProcessOptions {
  name: string;
  zone: string;
  /** How far the wall clock of its node is off, in ms. */
  skewMs: number;
}

/** Called for what code in a process throws out of a timer or handler: a crash, hence a finding. */
export type OnCrash = (process: SimProcess, error: unknown) => void;

/** Virtual 2026-01-01: any time after the ids' epoch. */
const WALL_START_MS = Date.UTC(2026, 0, 1);

export class SimProcess {
  readonly name: string;
  readonly zone: string;
  readonly random: SeededRandom;
  readonly clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #onCrash: OnCrash;
  readonly #onDeath: (() => void)[] = [];
  /** What came while stopped, in order. */
  #held: { fn: () => void; isTimer: boolean }[] = [];
  #skewMs: number;
  #stoppedAt = 0;
  /** `resuming`: continued, and what was held is still coming in; nothing new may overtake it. */
  #state: 'running' | 'stopped' | 'resuming' | 'dead' = 'running';

  constructor(options: ProcessOptions, scheduler: Scheduler, random: SeededRandom, onCrash: OnCrash) {
    this.name = options.name;
    this.zone = options.zone;
    this.random = random;
    this.#scheduler = scheduler;
    this.#onCrash = onCrash;
    this.#skewMs = options.skewMs;
    const monotonicStart = random.between(1_000, 1_000_000);
    this.clock = {
      wallMs: () => Math.floor(WALL_START_MS + scheduler.now + this.#skewMs),
      monotonicMs: () => monotonicStart + scheduler.now,
      after: (delayMs, fn) => this.#timer(delayMs, fn),
      every: (periodMs, fn) => this.#interval(periodMs, fn),
    };
  }

  get stopped(): boolean {
    return this.#state === 'stopped';
  }
  /** 0 while it runs. */
  get stoppedForMs(): number {
    return this.#state === 'stopped' ? this.#scheduler.now - this.#stoppedAt : 0;
  }
  get alive(): boolean {
    return this.#state !== 'dead';
  }

  /** Its node's wall clock steps; the monotonic one does not. */
  setSkew(ms: number): void {
    this.#skewMs = ms;
  }

  /** Runs `fn` in this process: now, on continue, or never. */
  enter(fn: () => void): void {
    this.#enter(fn, false);
  }

  #enter(fn: () => void, isTimer: boolean): void {
    if (this.#state === 'dead') return;
    if (this.#state === 'running') this.#run(fn);
    else this.#held.push({ fn, isTimer });
  }

  #run(fn: () => void): void {
    try {
      fn();
    } catch (error: unknown) {
      this.#onCrash(this, error);
    }
  }

  /** `fn` runs when the process dies, outside of it: the kernel's part, such as closing its sockets. */
  onDeath(fn: () => void): void {
    this.#onDeath.push(fn);
  }

  kill(): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#held = [];
    for (const fn of this.#onDeath.splice(0)) fn();
  }

  stop(): void {
    if (this.#state === 'dead') return;
    if (this.#state !== 'stopped') this.#stoppedAt = this.#scheduler.now;
    this.#state = 'stopped';
  }

  /**
   * What was held comes in now, each as an event of its own so that promises settle in between. An event loop that was
   * frozen before its timer phase runs all late timers first, one frozen behind it reads its sockets first.
   */
  continue(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'resuming';
    if (this.random.chance(0.5)) this.#held.sort((a, b) => Number(b.isTimer) - Number(a.isTimer));
    this.#resume();
  }

  #resume(): void {
    this.#scheduler.after(0.001, () => {
      if (this.#state !== 'resuming') return; // stopped again, or killed
      const held = this.#held.shift();
      if (held === undefined) this.#state = 'running';
      else {
        this.#run(held.fn);
        this.#resume();
      }
    });
  }

  #timer(delayMs: number, fn: () => void): Timer {
    let cancelled = false;
    const scheduled = this.#scheduler.after(Math.max(1, delayMs), () =>
      this.#enter(() => {
        if (!cancelled) fn();
      }, true),
    );
    return {
      cancel: () => {
        cancelled = true;
        scheduled.cancel();
      },
    };
  }

  /** As Node's setInterval: periods missed while the process was stopped are one late call. */
  #interval(periodMs: number, fn: () => void): Timer {
    let cancelled = false;
    let timer: Timer;
    const arm = (): void => {
      timer = this.#timer(periodMs, () => {
        if (cancelled) return;
        arm();
        fn();
      });
    };
    arm();
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }
}

/** The wall clock of the store's node. */
export const wallAt = (virtualMs: number): number => Math.floor(WALL_START_MS + virtualMs);
