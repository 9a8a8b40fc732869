/**
 * Mount paths such as /etc/chatcells must exist on the host to be mounted upon, in a namespace or not. What a Pod's
 * start will create there is written down first, so that `down` can take the empty folders away again.
 */
import { appendFileSync, existsSync, lstatSync, readdirSync, readFileSync, rmdirSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Mount } from './sandbox.ts';

const fileIn = (dir: string): string => join(dir, 'mount-points');

/** Notes the topmost missing folder (or file) above each mount's target. */
export function noteMountPoints(dir: string, mounts: readonly Mount[]): void {
  const targets = mounts.map((mount) => mount.target);
  for (const target of targets) {
    // One that lies in another mount is created there, not on the host.
    if (targets.some((other) => other !== target && target.startsWith(`${other}/`))) continue;
    const missing = topmostMissing(target);
    if (missing) appendFileSync(fileIn(dir), `${missing}\n`);
  }
}

function topmostMissing(path: string): string | undefined {
  let missing: string | undefined;
  for (let at = path; at !== '/' && !existsSync(at); at = dirname(at)) missing = at;
  return missing;
}

/** Removes what was noted as far as it is empty and nobody has mounted upon it. */
export function removeMountPoints(dir: string): void {
  if (!existsSync(fileIn(dir))) return;
  const mounted = mountedAnywhere();
  for (const path of new Set(readFileSync(fileIn(dir), 'utf8').split('\n').filter(Boolean)))
    if (!mounted.some((m) => m === path || m.startsWith(`${path}/`))) removeEmpty(path);
}

/**
 * Every mount point of every process's namespace. Removing a folder takes away what is mounted upon it in any other
 * namespace: the Pods of another local cluster would lose their volumes.
 */
function mountedAnywhere(): string[] {
  const paths = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      for (const line of readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n')) {
        const path = line.split(' ')[4];
        if (path !== undefined) paths.add(path).add(path.replace(/^\/run\//, '/var/run/')); // /var/run is a link
      }
    } catch {
      // the process has ended meanwhile
    }
  }
  return [...paths];
}

function removeEmpty(path: string): void {
  if (!existsSync(path)) return;
  const stat = lstatSync(path);
  if (stat.isFile() && stat.size === 0) unlinkSync(path);
  if (!stat.isDirectory()) return;
  for (const entry of readdirSync(path)) removeEmpty(join(path, entry));
  if (readdirSync(path).length === 0) rmdirSync(path);
}
