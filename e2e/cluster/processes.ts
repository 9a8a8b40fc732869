/**
 * The long-lived processes of a cluster and the record of them: `<dir>/processes/<name>.json` holds pid and start
 * time, so that a later command finds exactly the process that was started, and never one that got its pid.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pidsWithEnv, signal, startTimeOf } from './proc.ts';
import { until } from './wait.ts';

/** In the environment of everything that a cluster starts; `down` finds by it what was never recorded. */
export const MARK = 'CHATCELLS_CLUSTER_DIR';

export interface ProcessSpec {
  /** Name of the record and of the log file. */
  name: string;
  command: string;
  args: string[];
  env?: Record<string, string>;
  cwd?: string;
  /** Group id to run under; the starter's when absent. */
  gid?: number;
}

export interface ProcessRecord {
  name: string;
  pid: number;
  startTime: string;
}

/** `detached`: lives on after the starter, as `up` needs. `bound`: the kernel kills it when the starter dies. */
export type Lifetime = 'detached' | 'bound';

export class Processes {
  readonly #dir: string;
  readonly #lifetime: Lifetime;

  constructor(dir: string, lifetime: Lifetime) {
    this.#dir = dir;
    this.#lifetime = lifetime;
    mkdirSync(join(dir, 'processes'), { recursive: true });
    mkdirSync(join(dir, 'logs'), { recursive: true });
  }

  logFile(name: string): string {
    return join(this.#dir, 'logs', `${name}.log`);
  }

  /** Starts it, unless it runs already. */
  start(spec: ProcessSpec): ProcessRecord {
    const running = this.find(spec.name);
    if (running) return running;
    const log = openSync(this.logFile(spec.name), 'a');
    const bound = this.#lifetime === 'bound';
    const [command, args] = bound
      ? ['setpriv', ['--pdeathsig', 'KILL', spec.command, ...spec.args]]
      : [spec.command, spec.args];
    const child = spawn(command, args, {
      cwd: spec.cwd ?? this.#dir,
      env: { ...process.env, ...spec.env, [MARK]: this.#dir },
      stdio: ['ignore', log, log],
      detached: true,
      ...(spec.gid === undefined ? {} : { gid: spec.gid }),
    });
    closeSync(log);
    child.on('error', () => {}); // A missing program: pid is undefined below.
    child.unref();
    const startTime = child.pid === undefined ? undefined : startTimeOf(child.pid);
    if (child.pid === undefined || startTime === undefined) throw new Error(`cannot start ${spec.command}`);
    const record = { name: spec.name, pid: child.pid, startTime };
    const file = this.#recordFile(spec.name);
    writeFileSync(`${file}.new`, JSON.stringify(record));
    renameSync(`${file}.new`, file);
    return record;
  }

  /** The record of a process that is alive. */
  find(name: string): ProcessRecord | undefined {
    try {
      const record = JSON.parse(readFileSync(this.#recordFile(name), 'utf8')) as ProcessRecord;
      return startTimeOf(record.pid) === record.startTime ? record : undefined;
    } catch {
      return undefined;
    }
  }

  /** Names of all records, of dead processes too. */
  names(): string[] {
    return readdirSync(join(this.#dir, 'processes'))
      .filter((file) => file.endsWith('.json'))
      .map((file) => file.slice(0, -'.json'.length));
  }

  /** SIGTERM, then SIGKILL after `graceMs`; resolves when it is gone. Done at once when it does not run. */
  async stop(name: string, graceMs = 10_000): Promise<void> {
    const record = this.find(name);
    if (record) {
      signal(record.pid, 'SIGTERM');
      signal(record.pid, 'SIGCONT');
      await this.#gone(record, graceMs).catch(async () => {
        if (startTimeOf(record.pid) === record.startTime) signal(record.pid, 'SIGKILL');
        await this.#gone(record, 10_000);
      });
    }
    rmSync(this.#recordFile(name), { force: true });
  }

  /** Kills what carries the cluster's mark and was not stopped by name: left by a crash between start and record. */
  async sweep(): Promise<number> {
    const left = pidsWithEnv(MARK, this.#dir).filter((pid) => pid !== process.ppid);
    for (const pid of left) signal(pid, 'SIGKILL');
    await until('left-over processes to end', () => left.every((pid) => startTimeOf(pid) === undefined), {
      deadlineMs: 10_000,
    });
    return left.length;
  }

  #gone(record: ProcessRecord, deadlineMs: number): Promise<true> {
    return until(`${record.name} to end`, () => startTimeOf(record.pid) !== record.startTime, {
      deadlineMs,
      everyMs: 20,
    });
  }

  #recordFile(name: string): string {
    return join(this.#dir, 'processes', `${name}.json`);
  }
}
