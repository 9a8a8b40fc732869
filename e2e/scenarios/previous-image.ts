/** The image of an earlier commit for the local cluster: its bundle, built from git. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { IMAGES } from '../cluster/agent/images.ts';
import { ROOT } from '../system/command.ts';

/** What goes into the image. */
const IMAGE_SOURCES = [
  ...['main.ts', 'crds', 'cells', 'operator', 'dataplane', 'package.json'],
  ...[':!*.test.ts', ':!*.test-support.ts', ':!dataplane/sim'],
];

/**
 * The commit that is one version back: CHATCELLS_PREVIOUS, else the newest release tag below HEAD, else, before the
 * first release, the commit before the last one that changed the image. Throws where git does not know it.
 */
export function previousVersion(): string {
  const named = process.env.CHATCELLS_PREVIOUS;
  if (named) return git('rev-parse', '--verify', '--short', `${named}^{commit}`);
  if (git('rev-parse', '--is-shallow-repository') === 'true')
    throw new Error(
      'this checkout is shallow, so there is no version before to upgrade from: `git fetch --unshallow --tags`, or name a commit that is there in CHATCELLS_PREVIOUS',
    );
  const tag = git('tag', '--list', 'v*', '--sort=-version:refname', '--merged', 'HEAD~1').split('\n')[0];
  if (tag) return git('rev-parse', '--short', `${tag}^{commit}`);
  const changed = git('rev-list', '--max-count=1', 'HEAD', '--', ...IMAGE_SOURCES);
  return git('rev-parse', '--short', `${changed}~1`);
}

const git = (...args: string[]): string => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();

/** The tag of the image, built when it is not there yet. Its dependencies are the checkout's. */
export function previousImage(sha = previousVersion()): string {
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
