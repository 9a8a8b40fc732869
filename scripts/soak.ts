// The long run: many seeds of the simulation, every fault scenario many times, the demo several times in a row, and the
// report in docs/soak.md. Exit code 0 only if everything held. `--seeds N`, `--times N`, `--demos N` change the numbers.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, '.local/soak');
/** One round of each takes minutes, and leaves a store that is larger than it was. */
const ONCE = /^(static-stability-long|steady-state|failover-topics-.*)$/;
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '50000' },
    times: { type: 'string', default: '50' },
    demos: { type: 'string', default: '10' },
  },
});

const failed: string[] = [];

function step(name: string, args: string[]): boolean {
  console.error(`soak: ${name}`);
  const held = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' }).status === 0;
  if (!held) failed.push(name);
  return held;
}

function simulate(seeds: number): void {
  const began = performance.now();
  const held = step(`${seeds} seeds`, ['dataplane/sim/main.ts', '--seeds', String(seeds)]);
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim();
  const run = { seeds, held, seconds: (performance.now() - began) / 1000, commit };
  writeFileSync(join(OUT, 'simulation.json'), `${JSON.stringify(run)}\n`);
}

/** Names of all scenarios: the first word of each line of the list. */
function scenarios(): string[] {
  const list = execFileSync(process.execPath, ['e2e/scenarios/main.ts', 'list'], { cwd: ROOT, encoding: 'utf8' });
  return list
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0]!);
}

mkdirSync(OUT, { recursive: true });
simulate(Number(values.seeds));
const main = 'e2e/scenarios/main.ts';
for (const name of scenarios())
  step(name, [main, 'run', name, '--keep', '--times', ONCE.test(name) ? '1' : values.times]);
spawnSync(process.execPath, ['e2e/cluster/main.ts', 'down'], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, CHATCELLS_CLUSTER: process.env.CHATCELLS_CLUSTER ?? 'scenarios' },
});
for (let n = 1; n <= Number(values.demos); n++) {
  step(`demo ${n} of ${values.demos}`, ['e2e/demo/main.ts']);
  const verdict = join(ROOT, '.local/demo/verdict.json');
  if (existsSync(verdict)) copyFileSync(verdict, join(OUT, `verdict-${n}.json`));
}
step('report', ['e2e/scenarios/report.ts']);
console.error(failed.length === 0 ? 'soak: everything held' : `soak: failed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);
