/**
 * `npm run bench -- NAME`: a benchmark beside its peer, in one run. The table goes to stdout, progress to stderr, the
 * result with every round's value to .local/bench/NAME.json. Exit code 0 when every claim holds, 1 when one does not,
 * 2 usage.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench } from './frame.ts';
import { machine } from './machine.ts';
import { formatResult, holds, type Result } from './report.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Loaded when asked for: each brings its own peer. */
const BENCHES: Readonly<Record<string, { about: string; load: () => Promise<Bench> }>> = {
  ring: {
    about: 'owner lookup beside npm hashring, and the plan for 100 servers',
    load: async () => (await import('./ring/bench.ts')).ring,
  },
  xds: {
    about: 'a change until 100 nodes have acknowledged it, beside go-control-plane',
    load: async () => (await import('./xds/bench.ts')).xds,
  },
  reconcile: {
    about: '200 Cells and 2,000 Workspaces, beside controller-runtime',
    load: async () => (await import('./reconcile/bench.ts')).reconcile,
  },
};

const USAGE = `usage: npm run bench -- NAME [--rounds N] [--smoke] [-o table|json] [--out DIR]

${Object.entries(BENCHES)
  .map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
  .join('\n')}

  --smoke    small sizes and one round: shows that it measures something, and judges nothing
  --out DIR  where the JSON result goes (default .local/bench)
`;

const parse = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      smoke: { type: 'boolean', default: false },
      output: { type: 'string', short: 'o', default: 'table' },
      out: { type: 'string', default: join(ROOT, '.local/bench') },
    },
  });

async function main(args: readonly string[]): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (e: unknown) {
    return usage(e instanceof Error ? e.message : String(e));
  }
  const { values, positionals } = parsed;
  const [name = '', ...rest] = positionals;
  const entry = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (entry === undefined || rest.length > 0) return usage(name && `there is no benchmark ${positionals.join(' ')}`);
  if (values.output !== 'table' && values.output !== 'json') return usage(`-o ${values.output}: table or json`);
  const asked = values.rounds === undefined ? undefined : Number(values.rounds);
  if (asked !== undefined && !(Number.isInteger(asked) && asked > 0)) return usage(`--rounds ${values.rounds}`);

  const bench = await entry.load();
  const { smoke } = values;
  const rounds = asked ?? (smoke ? 1 : bench.rounds);
  const before = { at: new Date().toISOString(), machine: machine() };
  const outcome = await bench.run({ rounds, smoke, progress: (line) => console.error(`${name}: ${line}`) });
  const command = ['npm run bench --', ...args].join(' ');
  const result: Result = { bench: name, command, ...before, rounds, smoke, ...outcome };
  const file = join(resolve(values.out), `${name}.json`);
  await mkdir(resolve(values.out), { recursive: true });
  await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(values.output === 'json' ? `${JSON.stringify(result, null, 2)}\n` : formatResult(result));
  console.error(`${name}: every round's values are in ${relative(process.cwd(), file)}`);
  return holds(result) ? 0 : 1;
}

function usage(problem: string): number {
  console.error(`${problem}${problem && '\n'}${USAGE}`);
  return 2;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
