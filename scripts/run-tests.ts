// Runs the node:test files of one kind: `unit` (no process but the test's own) or `integration` (real API server, Envoy, MySQL).
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const kind = process.argv[2];
if (kind !== 'unit' && kind !== 'integration') {
  console.error('usage: node scripts/run-tests.ts unit|integration [name part…]');
  process.exit(2);
}
const parts = process.argv.slice(3);
const files = globSync('{crds,cells,operator,dataplane,cli,e2e,scripts}/**/*.test.ts', { cwd: ROOT })
  .filter((f) => f.endsWith('.integration.test.ts') === (kind === 'integration'))
  .filter((f) => parts.length === 0 || parts.some((p) => f.includes(p)))
  .sort();
// Integration tests each start servers: one file at a time keeps two cores usable.
const concurrency = kind === 'integration' ? 1 : availableParallelism();
const { status } = spawnSync(
  process.execPath,
  ['--test', `--test-concurrency=${concurrency}`, '--test-timeout=300000', '--test-reporter=spec', ...files],
  { cwd: ROOT, stdio: 'inherit' },
);
process.exit(status ?? 1);
