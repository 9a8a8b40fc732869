/** The last good resources on disk, so that a process can start and serve without the control plane. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../clock.ts';
import type { Logger } from '../process/log.ts';

/** Any JSON value; the writer's own business. */
export class StateFile<T> {
  readonly #path: string;
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #source: (() => T) | undefined;

  constructor(dir: string, name: string, clock: Clock, log: Logger) {
    this.#dir = dir;
    this.#path = join(dir, name);
    this.#clock = clock;
    this.#log = log;
  }

  /** Undefined when there is none or it cannot be read: a state file is a help, never a reason not to start. */
  async load(): Promise<T | undefined> {
    try {
      return JSON.parse(await readFile(this.#path, 'utf8')) as T;
    } catch (err: unknown) {
      if ((err as { code?: string }).code !== 'ENOENT')
        this.#log.warn({ err, path: this.#path }, 'state file not readable');
      return undefined;
    }
  }

  /** Writes `source()` within a second: calls in between are one write. */
  save(source: () => T): void {
    this.#source = source;
    this.#timer ??= this.#clock.after(1_000, () => {
      this.#timer = undefined;
      this.#flush();
    });
  }

  /** Writes what is pending. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#flush();
    await this.#writing;
  }

  #flush(): void {
    const source = this.#source;
    this.#source = undefined;
    if (source) this.#writing = this.#writing.then(() => this.#write(JSON.stringify(source())));
  }

  async #write(text: string): Promise<void> {
    try {
      await mkdir(this.#dir, { recursive: true });
      await writeFile(`${this.#path}.new`, text);
      await rename(`${this.#path}.new`, this.#path);
    } catch (err: unknown) {
      this.#log.warn({ err, path: this.#path }, 'state file not written');
    }
  }
}
