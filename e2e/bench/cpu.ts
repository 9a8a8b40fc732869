/** CPU time, which other work on the machine stretches far less than it does the wall clock. */

/** Milliseconds of CPU that this thread spends in `work`. */
export function cpuMs(work: () => void): number {
  const from = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(from);
  return (user + system) / 1000;
}
