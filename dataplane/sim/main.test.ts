import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { Lanes } from './lanes.ts';
import { runSeed } from './scenario.ts';

const MAIN = join(import.meta.dirname, 'main.ts');

const sim = (...args: string[]): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { timeout: 240_000 }, (_e, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });

test('usage errors are exit code 2 and name what is known', async () => {
  const unknown = await sim('--seeds', '1', '--plant', 'nope');
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /there is no plant nope[\s\S]*no-fence/);
  for (const args of [['--seeds', '0'], ['--seeds', 'x'], ['--seeds', '2', '--start', 'x'], ['--bogus']])
    assert.equal((await sim(...args)).code, 2, args.join(' '));
});

test('exit code 1 names the seed and the rule, 0 says that none broke', async () => {
  const found = await sim('--seeds', '20', '--plant', 'late-kick');
  assert.equal(found.code, 1, found.err);
  assert.match(found.out, /^seed (\d+): broken: after_kick\n.*membership ended[\s\S]*--seed \1 --plant late-kick/);
  const clean = await sim('--seed', '1');
  assert.equal(clean.code, 0, clean.out);
  assert.match(clean.out, /^1 seeds, \d+ posts acknowledged: no invariant broke\n$/);
});

test('threads change nothing: each seed has the hash that it has alone, and results come in order', async () => {
  const seen: [string, string][] = [];
  const seeds = ['3', '4'];
  await new Lanes(2).untilBroken(
    seeds.map((seed) => ({ seed })),
    (r) => seen.push([r.seed, r.hash]),
  );
  const alone: [string, string][] = [];
  for (const seed of seeds) alone.push([seed, (await runSeed(seed, new Set())).hash]);
  assert.deepEqual(seen, alone);
});
