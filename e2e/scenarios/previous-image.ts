/** The image of an earlier commit for the local cluster: its bundle, built from git. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { IMAGES } from '../cluster/agent/images.ts';
import { ROOT } from '../system/command.ts';

/** The commit that stands for one version back; CHATCELLS_PREVIOUS names another. */
const PREVIOUS = 'HEAD~1';

/** The tag of the image, built when it is not there yet. Its dependencies are the checkout's. */
export function previousImage(commit = process.env.CHATCELLS_PREVIOUS ?? PREVIOUS): string {
  const sha = execFileSync('git', ['rev-parse', '--short', commit], { cwd: ROOT, encoding: 'utf8' }).trim();
  const tag = `git-${sha}`;
  if (existsSync(join(IMAGES, tag))) return tag;
  const source = join(IMAGES, `${tag}.source`);
  rmSync(source, { recursive: true, force: true });
  mkdirSync(source, { recursive: true });
  const archive = execFileSync('git', ['archive', sha], { cwd: ROOT, maxBuffer: 256 * 2 ** 20 });
  execFileSync('tar', ['-x', '-C', source], { input: archive });
  symlinkSync(join(ROOT, 'node_modules'), join(source, 'node_modules'));
  execFileSync(process.execPath, ['scripts/build.ts'], { cwd: source, stdio: ['ignore', 'ignore', 'inherit'] });
  renameSync(join(source, 'dist'), join(IMAGES, tag));
  rmSync(source, { recursive: true });
  return tag;
}
