// chatctl as a process: exit codes, help and streams that need no cluster.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatDuration, parseDuration } from './durations.ts';
import { formatTable } from './table.ts';
import { deriveUserId, resolveUser } from './user-id.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
const chatctl = (...args: string[]) =>
  spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    env: { PATH: '/nowhere', HOME: '/nowhere' },
    cwd: '/',
  });

test('usage errors are exit code 2, on stderr, with nothing on stdout', () => {
  for (const args of [
    ['nonsense'],
    ['drain'],
    ['get', 'pods'],
    ['drain', 'a', '--to', '101'],
    ['status', '-o', 'xml'],
  ]) {
    const { status, stdout, stderr } = chatctl(...args);
    assert.equal(status, 2, `${args.join(' ')}: ${stderr}`);
    assert.equal(stdout, '');
    assert.notEqual(stderr, '');
  }
});

test('a cluster that cannot be reached is exit code 1, with a hint', () => {
  const { status, stderr } = chatctl('status', '--kubeconfig', '/nowhere/kubeconfig');
  assert.equal(status, 1);
  assert.match(stderr, /nowhere/);
  assert.match(stderr, /KUBECONFIG/);
});

test('every command has examples in its help', () => {
  const [, section = ''] = /\nCommands:\n([\s\S]*?)\n\n/.exec(chatctl('--help').stdout) ?? [];
  const commands = [...section.matchAll(/^ {2}([a-z][a-z-]+) /gm)].map((m) => m[1]!);
  const named = commands.filter((name) => !['help', 'cluster', 'dev'].includes(name)); // those pass --help on
  assert.ok(named.length >= 7, named.join());
  for (const name of named) assert.match(chatctl(name, '--help').stdout, /\nExamples:\n {2}/, name);
});

test('durations, tables, users', () => {
  assert.equal(formatDuration(190_000), '3m10s');
  assert.equal(parseDuration('1.5h'), 5_400_000);
  assert.equal(parseDuration('soon'), undefined);
  const columns = [
    { title: 'NAME', value: (r: { a: string }) => r.a },
    { title: 'WHY', value: () => undefined, wide: true },
  ];
  assert.equal(formatTable(columns, [{ a: 'x' }], false), 'NAME\nx\n');
  assert.equal(formatTable(columns, [{ a: 'x' }], true), 'NAME   WHY\nx      <none>\n');
  assert.equal(deriveUserId('T1', 'Ada'), deriveUserId('T1', 'ada'));
  assert.notEqual(deriveUserId('T1', 'ada'), deriveUserId('T2', 'ada'));
  assert.equal(resolveUser('T1', 'UAK3TD4WTND0S').id, 'UAK3TD4WTND0S');
});
