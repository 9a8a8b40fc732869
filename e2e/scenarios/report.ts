/** `node e2e/scenarios/report.ts`: writes `docs/soak.md` from the verdicts in `.local/scenarios/`, all that there are. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../system/command.ts';
import { SCENARIOS } from './registry.ts';
import { reportOf, type SeedRun } from './report-text.ts';
import { VERDICTS } from './runner.ts';
import type { BatchVerdict } from './verdict.ts';

/** Written by scripts/soak.ts. */
const SEEDS = join(ROOT, '.local/soak/simulation.json');
const REPORT = join(ROOT, 'docs/soak.md');

const read = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;
const verdictsOf = (name: string): BatchVerdict[] => {
  const dir = join(VERDICTS, name);
  if (!existsSync(dir)) return [];
  const files = readdirSync(dir).filter((f) => f.endsWith('.json'));
  return files.sort().map((f) => read<BatchVerdict>(join(dir, f)));
};

const runs = SCENARIOS.map(({ name, promise }) => ({ name, promise, verdicts: verdictsOf(name) }));
writeFileSync(REPORT, reportOf(runs, existsSync(SEEDS) ? read<SeedRun>(SEEDS) : undefined));
console.log(REPORT);
