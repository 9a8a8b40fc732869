// The long run: many seeds of the simulation, then the demo ten times in a row. Exit code 0 only if everything held.
// Verdicts stand in .local/soak/. `--seeds N` and `--demos N` change the numbers.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, '.local/soak');
const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '50000' }, demos: { type: 'string', default: '10' } },
});

function step(name: string, args: string[]): boolean {
  console.error(`soak: ${name}`);
  return spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' }).status === 0;
}

mkdirSync(OUT, { recursive: true });
const failed: string[] = [];
if (!step(`${values.seeds} seeds`, ['dataplane/sim/main.ts', '--seeds', values.seeds])) failed.push('simulation');
for (let n = 1; n <= Number(values.demos); n++) {
  if (!step(`demo ${n} of ${values.demos}`, ['e2e/demo/main.ts'])) failed.push(`demo ${n}`);
  const verdict = join(ROOT, '.local/demo/verdict.json');
  if (existsSync(verdict)) copyFileSync(verdict, join(OUT, `verdict-${n}.json`));
}
console.error(failed.length === 0 ? 'soak: everything held' : `soak: failed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);
