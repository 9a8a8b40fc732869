/**
 * When a frame is written: at once while the process is idle, and joined with others of its socket under load. The
 * first write opens a window; up to `immediate` writes go out in it at once, and those beyond wait for its end, so
 * that each socket's are one write. At most `windowMs` are lost to that.
 */
import type { Clock } from '../../cells/contract/clock.ts';

export interface Flushable {
  flush(): void;
}

export class WriteWindow {
  readonly #clock: Clock;
  readonly #limits: { windowMs: number; immediate: number };
  #waiting: Flushable[] = [];
  #open = false;
  #writes = 0;

  constructor(clock: Clock, limits: { windowMs: number; immediate: number } = { windowMs: 5, immediate: 128 }) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** True: write now. False: keep it; `socket.flush` is called when the window ends. */
  admit(socket: Flushable): boolean {
    if (!this.#open) {
      this.#open = true;
      this.#clock.after(this.#limits.windowMs, () => this.#end());
    }
    if (++this.#writes <= this.#limits.immediate) return true;
    this.#waiting.push(socket);
    return false;
  }

  #end(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#open = false;
    this.#writes = 0;
    for (const socket of waiting) socket.flush();
  }
}
