/** Mount namespaces, users and the firewall need root. */
import { spawnSync } from 'node:child_process';

/** Runs this same command again by sudo when it is not root, and exits with its code. Does nothing for root. */
export function becomeRoot(): void {
  if (process.getuid?.() === 0) return;
  const again = ['--preserve-env=CHATCELLS_CLUSTER,CHATCELLS_PORT_BLOCK,CHATCELLS_CRASH_BACKOFF_MS,LOG_LEVEL'];
  const done = spawnSync('sudo', [...again, process.execPath, ...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
  });
  if (done.error) throw new Error('the local cluster needs root: run it as root, or install sudo');
  process.exit(done.status ?? 1);
}
