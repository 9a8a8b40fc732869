/**
 * Faults on the real local cluster under live, checked load. `node e2e/scenarios/main.ts list`, or
 * `run NAME… [--times N] [--keep]`: exit code 0 only if every verdict holds. Verdicts: `.local/scenarios/<name>/<n>.json`.
 * The cluster (CHATCELLS_CLUSTER, default `scenarios`) is used as it stands; without `--keep` it is ended afterwards.
 */
import { Command, InvalidArgumentError } from 'commander';
import { becomeRoot } from '../cluster/elevate.ts';
import { cluster } from '../system/command.ts';
import { SCENARIOS } from './registry.ts';
import { Runner, textOf, VERDICTS } from './runner.ts';
import type { Scenario } from './scenario.ts';
import { type BatchVerdict, quantile } from './verdict.ts';

const started = performance.now();
const say = (line: string): void =>
  console.error(`[${((performance.now() - started) / 1000).toFixed(1).padStart(6)}s] ${line}`);

const program = new Command('scenarios').description('Faults on the real local cluster under live, checked load.');
program
  .command('list')
  .description('the scenarios and what each promises')
  .action(() => {
    for (const { name, promise } of SCENARIOS) console.log(`${name.padEnd(32)} ${promise}`);
  });
program
  .command('run')
  .argument('<name...>', 'scenarios, run one after the other on one cluster')
  .option('--times <n>', 'rounds of each', positive, 1)
  .option('--keep', 'leave the cluster up')
  .action(async (names: string[], options: { times: number; keep?: boolean }) => {
    const scenarios = names.map(named);
    becomeRoot();
    process.env.CHATCELLS_CLUSTER ??= 'scenarios';
    const runner = new Runner(say);
    try {
      for (const scenario of scenarios) {
        const verdicts = await runner.run(scenario, options.times);
        for (const verdict of verdicts) console.log(summary(verdict));
        if (!verdicts.every((v) => v.holds)) process.exitCode = 1;
      }
      console.log(`Verdicts: ${VERDICTS}`);
    } finally {
      if (!options.keep) await cluster(['down'], { anyCode: true });
    }
  });

function named(name: string): Scenario {
  const scenario = SCENARIOS.find((s) => s.name === name);
  if (!scenario) throw new Error(`no scenario "${name}"; see \`list\``);
  return scenario;
}

function positive(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError('use a whole number from 1');
  return n;
}

function summary(v: BatchVerdict): string {
  const gaps = v.rounds.flatMap((r) => r.gaps_ms);
  const gap = gaps.length > 0 ? `, gap p50 ${quantile(gaps, 0.5)} max ${Math.max(...gaps)} ms` : '';
  return [
    `${v.holds ? 'holds ' : 'BROKEN'} ${v.scenario}: ${v.rounds.length} rounds, ${v.acknowledged} acknowledged${gap}`,
    ...v.broken.map((b) => `  ✗ ${b}`),
  ].join('\n');
}

try {
  await program.parseAsync();
  process.exit(process.exitCode ?? 0);
} catch (e: unknown) {
  console.error(`scenarios: ${textOf(e)}`);
  process.exit(1);
}
