// Bundles the roles and chatctl into dist/: fewer files to read at start, and one folder to put into an image.
// `--measure` then starts every role with --help and prints its start-up time and memory.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
const STAGING = join(ROOT, `dist.${process.pid}`);

/** CommonJS dependencies call require at run time; in an ES module there is none. */
const BANNER = [
  "import { createRequire as __createRequire } from 'node:module';",
  'const require = __createRequire(import.meta.url);',
].join('');

async function bundle(): Promise<number> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: { main: 'main.ts', chatctl: 'cli/main.ts' },
    outdir: STAGING,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    sourcemap: true,
    // Without it, stack traces and the names of error classes would be those of the bundler.
    keepNames: true,
    banner: { js: BANNER },
    logLevel: 'warning',
    metafile: true,
  });
  // Replaced whole, so that nobody starts from a mixture of old and new chunks.
  rmSync(DIST, { recursive: true, force: true });
  renameSync(STAGING, DIST);
  return Object.values(result.metafile.outputs)
    .filter((o) => o.entryPoint !== undefined || !('map' in o))
    .reduce((sum, o) => sum + o.bytes, 0);
}

/** Memory when the role's modules are loaded, in bytes: printed by the process itself as it exits. */
const PROBE = `data:text/javascript,${encodeURIComponent(
  "process.on('exit', () => process.stderr.write('rss=' + process.memoryUsage().rss));",
)}`;

function measure(role: string): string {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ['--import', PROBE, join(DIST, 'main.js'), role, '--help'], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '' },
  });
  const ms = Math.round(performance.now() - started);
  const rss = Number(/rss=(\d+)/.exec(stderr)?.[1] ?? 0);
  if (status !== 0) throw new Error(`${role} --help failed with ${status}: ${stderr}`);
  return `${role.padEnd(14)} ${String(ms).padStart(5)} ms  ${(rss / 2 ** 20).toFixed(0).padStart(4)} MiB`;
}

function roles(): string[] {
  const { stdout } = spawnSync(process.execPath, [join(DIST, 'main.js'), '--help'], { encoding: 'utf8' });
  return [...stdout.matchAll(/^ {2}([a-z-]+) {2,}/gm)].map((m) => m[1]!);
}

mkdirSync(STAGING, { recursive: true });
try {
  const started = performance.now();
  const bytes = await bundle();
  console.error(`dist/: ${(bytes / 2 ** 20).toFixed(1)} MiB in ${Math.round(performance.now() - started)} ms`);
} catch {
  process.exitCode = 1; // esbuild has said why
} finally {
  rmSync(STAGING, { recursive: true, force: true });
}
if (process.exitCode === undefined && process.argv.includes('--measure'))
  for (const role of roles()) console.log(measure(role));
