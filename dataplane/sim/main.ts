/**
 * `node dataplane/sim/main.ts --seeds N [--start S] [--seed S] [--plant BUG] [--trace] | --self-test`. Exit code 0 when
 * no invariant broke, 1 when one did (with its seed and the shortest telling part of the history), 2 usage.
 */
import { parseArgs } from 'node:util';
import type { Plant } from '../protocol/plants.ts';
import { PLANTS, REGRESSIONS } from './expectations.ts';
import { type Job, Lanes } from './lanes.ts';
import type { RunResult } from './scenario.ts';

/** What two cores do in about four minutes, the plants included. */
const SELF_TEST_SEEDS = 2_000;

const USAGE = `usage: node dataplane/sim/main.ts --seeds N [--start S] [--plant BUG]
       node dataplane/sim/main.ts --seed S [--plant BUG] [--trace]
       node dataplane/sim/main.ts --self-test
Bugs that can be planted: ${Object.keys(PLANTS).join(', ')}
`;
const print = (text: string): void => void process.stdout.write(text);

interface Found {
  runs: number;
  acknowledged: number;
  broken: RunResult | undefined;
}

/** Runs seeds until one breaks. */
async function search(jobs: Iterable<Job>): Promise<Found> {
  const found: Found = { runs: 0, acknowledged: 0, broken: undefined };
  found.broken = await new Lanes().untilBroken(jobs, (result) => {
    found.runs++;
    found.acknowledged += result.acknowledged;
    if (result.trace.length > 0) print(`${result.trace.join('\n')}\n`);
  });
  return found;
}

function* range(start: number, count: number, plant: Plant | undefined): Iterable<Job> {
  for (let n = start; n < start + count; n++) yield { seed: String(n), plant };
}

function report(result: RunResult, plant: Plant | undefined): void {
  const [first] = result.violations;
  print(`seed ${result.seed}: broken: ${first!.invariant}\n  ${first!.message}\n`);
  for (const line of first!.history) print(`    ${line}\n`);
  print(`replay: npm run sim -- --seed ${result.seed}${plant === undefined ? '' : ` --plant ${plant}`} --trace\n`);
}

async function selfTest(): Promise<number> {
  const regressions = REGRESSIONS.map(({ seed }) => ({ seed }));
  const clean = await search([...regressions, ...range(1, SELF_TEST_SEEDS, undefined)]);
  if (clean.broken !== undefined) {
    report(clean.broken, undefined);
    return 1;
  }
  print(`${clean.runs} seeds, ${clean.acknowledged} posts acknowledged: no invariant broke\n`);
  let failed = 0;
  for (const [plant, { within, by }] of Object.entries(PLANTS) as [Plant, (typeof PLANTS)[Plant]][]) {
    const { broken } = await search(range(1, within, plant));
    const rule = broken?.violations.find((v) => by.includes(v.invariant))?.invariant;
    if (broken === undefined) print(`plant ${plant}: NOT found in ${within} seeds: the simulation is blind to it\n`);
    else if (rule === undefined) {
      print(`plant ${plant}: seed ${broken.seed} broke, but not by ${by.join(' or ')}:\n`);
      report(broken, plant);
    } else print(`plant ${plant}: found at seed ${broken.seed} of at most ${within} (${rule})\n`);
    if (rule === undefined) failed++;
  }
  const total = Object.keys(PLANTS).length + 1;
  print(`${total - failed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

function whole(text: string | undefined, name: string, least: number): number {
  const n = text?.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isSafeInteger(n) || n < least) throw new Error(`--${name} takes a whole number from ${least}`);
  return n;
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
  const plant = values.plant as Plant | undefined;
  if (plant !== undefined && !Object.hasOwn(PLANTS, plant)) throw new Error(`there is no plant ${plant}`);
  const count = whole(values.seeds ?? '100', 'seeds', 1);
  const start = whole(values.start, 'start', 0);
  const { seed, trace } = values;
  const jobs = seed === undefined ? range(start, count, plant) : [{ seed, plant }];
  const { runs, broken, acknowledged } = await search([...jobs].map((job) => ({ ...job, trace })));
  if (broken !== undefined) {
    report(broken, plant);
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
