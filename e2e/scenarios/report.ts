/**
 * `node e2e/scenarios/report.ts`: adds the verdicts in `.local/scenarios/` to those of all earlier runs, and writes
 * `docs/soak.md` from them.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../system/command.ts';
import { SCENARIOS } from './registry.ts';
import { reportOf, type SeedRun } from './report-text.ts';
import { VERDICTS } from './runner.ts';
import { type BatchVerdict, mergeRuns } from './verdict.ts';

/** Written by scripts/soak.ts. */
const SEEDS = join(ROOT, '.local/soak/simulation.json');
const REPORT = join(ROOT, 'docs/soak.md');
/** A verdict a line, kept in the repository: rounds of other days and machines count. */
const RUNS = join(ROOT, 'docs/soak-runs.jsonl');

const parse = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;

function keptRuns(): BatchVerdict[] {
  if (!existsSync(RUNS)) return [];
  const lines = readFileSync(RUNS, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as BatchVerdict);
}

function freshRuns(scenario: string): BatchVerdict[] {
  const dir = join(VERDICTS, scenario);
  if (!existsSync(dir)) return [];
  const files = readdirSync(dir).filter((f) => f.endsWith('.json'));
  return files.map((f) => parse<BatchVerdict>(join(dir, f)));
}

const runs = mergeRuns(
  keptRuns(),
  SCENARIOS.flatMap(({ name }) => freshRuns(name)),
);
writeFileSync(RUNS, runs.map((v) => `${JSON.stringify(v)}\n`).join(''));
const byScenario = SCENARIOS.map(({ name, promise }) => ({
  ...{ name, promise },
  verdicts: runs.filter((v) => v.scenario === name),
}));
writeFileSync(REPORT, reportOf(byScenario, existsSync(SEEDS) ? parse<SeedRun>(SEEDS) : undefined));
console.log(REPORT);
