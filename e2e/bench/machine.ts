/** What a figure was measured on. */
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

export interface Machine {
  cpus: number;
  model: string;
  memoryGiB: number;
  node: string;
  /** One-minute load average when the run began: other work on the machine. */
  load: number;
}

export const machine = (): Machine => ({
  cpus: availableParallelism(),
  model: cpus()[0]?.model.trim() ?? 'unknown',
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.versions.node,
  load: loadavg()[0]!,
});
