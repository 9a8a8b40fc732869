/**
 * `node dataplane/sim/main.ts --seeds N [--start S] [--seed S] [--plant BUG] [--trace] | --self-test`. Exit code 0 when
 * no invariant broke, 1 when one did (with its seed and the shortest telling part of the history), 2 usage.
 */
import { parseArgs } from 'node:util';
import type { Plant } from '../channel/plants.ts';
import { type RunResult, runSeed } from './scenario.ts';

/** Every planted bug, and the number of seeds within which it must be found. */
const PLANTS: Readonly<Record<Plant, number>> = {
  'ack-before-store': 200,
  'no-fence': 200,
  'stale-owner-fanout': 200,
  'lost-on-move': 200,
  'retry-twice': 200,
  'late-kick': 200,
};
const SELF_TEST_SEEDS = 100;

const USAGE = `usage: node dataplane/sim/main.ts --seeds N [--start S] [--plant BUG]
       node dataplane/sim/main.ts --seed S [--plant BUG] [--trace]
       node dataplane/sim/main.ts --self-test
Bugs that can be planted: ${Object.keys(PLANTS).join(', ')}
`;
const print = (text: string): void => void process.stdout.write(text);

interface Options {
  plant: Plant | undefined;
  trace: boolean;
}

/** Runs seeds until one breaks. */
async function search(
  seeds: Iterable<string>,
  options: Options,
): Promise<{ runs: number; broken: RunResult | undefined; acknowledged: number }> {
  let runs = 0;
  let acknowledged = 0;
  for (const seed of seeds) {
    const result = await runSeed(seed, new Set(options.plant === undefined ? [] : [options.plant]), options.trace);
    runs++;
    acknowledged += result.acknowledged;
    if (options.trace) print(`${result.trace.join('\n')}\n`);
    if (result.violations.length > 0) return { runs, broken: result, acknowledged };
    if (runs % 50 === 0 && process.stderr.isTTY) process.stderr.write(`${runs} seeds\r`);
  }
  return { runs, broken: undefined, acknowledged };
}

function* range(start: number, count: number): Iterable<string> {
  for (let n = start; n < start + count; n++) yield String(n);
}

function report(result: RunResult, plant: Plant | undefined): void {
  const [first] = result.violations;
  print(`seed ${result.seed}: broken: ${first!.invariant}\n  ${first!.message}\n`);
  for (const line of first!.history) print(`    ${line}\n`);
  print(`replay: npm run sim -- --seed ${result.seed}${plant === undefined ? '' : ` --plant ${plant}`} --trace\n`);
}

async function selfTest(): Promise<number> {
  const clean = await search(range(1, SELF_TEST_SEEDS), { plant: undefined, trace: false });
  if (clean.broken !== undefined) {
    report(clean.broken, undefined);
    return 1;
  }
  print(`${clean.runs} seeds, ${clean.acknowledged} posts acknowledged: no invariant broke\n`);
  let passed = 1;
  for (const [plant, bound] of Object.entries(PLANTS) as [Plant, number][]) {
    const { runs, broken } = await search(range(1, bound), { plant, trace: false });
    if (broken === undefined) {
      print(`plant ${plant}: NOT found in ${runs} seeds: the simulation is blind to it\n`);
      return 1;
    }
    passed++;
    print(`plant ${plant}: found at seed ${broken.seed} (${broken.violations[0]!.invariant})\n`);
  }
  print(`${passed} passed, 0 failed\n`);
  return 0;
}

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seeds: { type: 'string' },
      start: { type: 'string', default: '1' },
      seed: { type: 'string' },
      plant: { type: 'string' },
      trace: { type: 'boolean', default: false },
      'self-test': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(USAGE);
    return 0;
  }
  if (values['self-test']) return selfTest();
  const { plant } = values;
  if (plant !== undefined && !Object.hasOwn(PLANTS, plant)) throw new Error(`there is no plant ${plant}`);
  const count = Number(values.seeds ?? 100);
  if (!Number.isInteger(count) || count < 1) throw new Error('--seeds takes a number of seeds');
  const seeds = values.seed === undefined ? range(Number(values.start), count) : [values.seed];
  const { runs, broken, acknowledged } = await search(seeds, {
    plant: plant as Plant | undefined,
    trace: values.trace,
  });
  if (broken !== undefined) {
    report(broken, plant as Plant | undefined);
    return 1;
  }
  print(`${runs} seeds, ${acknowledged} posts acknowledged: no invariant broke\n`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (e: unknown) {
  process.stderr.write(`${e instanceof Error ? e.message : String(e)}\n${USAGE}`);
  process.exitCode = 2;
}
