// Each benchmark measures something: its figures are there and above nothing. How fast is for the benchmark to say.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Result } from './report.ts';

const out = await mkdtemp(join(tmpdir(), 'bench-'));
after(() => rm(out, { recursive: true }));
const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args, '--out', out], { encoding: 'utf8' });

async function smoke(name: string): Promise<Result> {
  const { status, stdout, stderr } = run(name, '--smoke', '-o', 'json');
  assert.equal(status, 0, stderr);
  const result = JSON.parse(stdout) as Result;
  assert.deepEqual(JSON.parse(await readFile(join(out, `${name}.json`), 'utf8')), result);
  assert.ok(result.figures.length > 0 && result.claims.length > 0);
  return result;
}
const values = (result: Result, key: string): Readonly<Record<string, readonly number[]>> =>
  result.figures.find((f) => f.key === key)!.values;

test('ring', async () => {
  const result = await smoke('ring');
  for (const contestant of ['slot table', 'hashring 3.2.0']) {
    assert.ok(values(result, 'newTopic')[contestant]!.every((ns) => ns > 0));
    assert.ok(values(result, 'maxOverAverage')[contestant]!.every((n) => n > 1 && n < 3));
    assert.ok(values(result, 'moved')[contestant]!.every((percent) => percent > 1 && percent < 50));
  }
});

test('xds', async () => {
  const result = await smoke('xds');
  for (const contestant of ['control plane', 'go-control-plane snapshot', 'go-control-plane linear']) {
    for (const key of ['endpointsP50', 'weightsP99', 'bytes'])
      assert.ok(values(result, key)[contestant]!.every((n) => n > 0));
  }
});

test('usage', () => {
  assert.equal(run('nonsense').status, 2);
  assert.equal(run('ring', '--rounds', 'many').status, 2);
  assert.match(run().stderr, /usage: npm run bench/);
});
