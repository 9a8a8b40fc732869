// chatctl as a process: exit codes, help and streams that need no cluster.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Command, CommanderError } from 'commander';
import { formatDuration, parseDuration } from './durations.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { HANDED_OVER } from './hand-over.ts';
import { createProgram } from './program.ts';
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

/** The command tree in this process, for what is decided before any cluster is asked. */
const program = (): Command =>
  createProgram({ terminal: { note: () => {} }, env: {}, cwd: '/', root: '/' } as never).program;

test('arguments that cannot be meant are usage errors before anything is asked', async () => {
  for (const args of [
    ['ring', 'move', '16384', '--to', 'a'],
    ['ring', 'move', '1'],
    ['ring', 'move', '1', '--to', 'a', '--unpin'],
    ['ring', 'move', '1', '--to', 'a', '--timeout', 'soon'],
    ['ring', 'pause'],
    ['where', 'nonsense'],
    ['proxy-status', '--type', 'xds'],
  ]) {
    const failure: unknown = await program()
      .parseAsync(args, { from: 'user' })
      .then(
        () => undefined,
        (e: unknown) => e,
      );
    assert.ok(failure instanceof CommanderError || exitCodeOf(failure) === EXIT.usage, args.join(' '));
  }
});

test('every command has examples in its help', () => {
  const all = (command: Command): Command[] => command.commands.flatMap((child) => [child, ...all(child)]);
  const named = all(program()).filter((c) => !['help', ...HANDED_OVER].includes(c.name())); // those pass --help on
  assert.ok(named.length >= 12, named.map((c) => c.name()).join());
  for (const command of named) {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    assert.match(help, /\nExamples:\n {2}chatctl /, command.name());
  }
});

/** Ends the process with 99 when one of the packages is about to be loaded. */
const without = (...packages: string[]): string =>
  `data:text/javascript,${encodeURIComponent(
    `import { registerHooks } from 'node:module'; registerHooks({ resolve: (specifier, context, next) => { if (${JSON.stringify(packages)}.some((name) => specifier.startsWith(name))) process.exit(99); return next(specifier, context); } });`,
  )}`;

test('what is handed over does not wait for the Kubernetes client, whose loading takes a second', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'chatctl-dev-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['--import', without('@kubernetes/'), MAIN, ...args], { encoding: 'utf8' });
  const { status, stdout, stderr } = run('dev-token', '--dev-dir', dir, '--user-name', 'carol');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  assert.equal(run('dev', '--port', 'x').status, 2);
  assert.equal(run('status', '--help').status, 99, 'the probe sees the client where it is needed');
});

test('stage 1 starts without what only a cluster needs: drivers, gRPC, the Kubernetes client', () => {
  const needless = without('@kubernetes/', '@grpc/', 'mysql2', 'undici');
  const entry = join(import.meta.dirname, '../main.ts');
  const { status, stderr } = spawnSync(process.execPath, ['--import', needless, entry, 'dev', '--help'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
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

test('without any kubeconfig the error says where one was looked for', () => {
  // A root of its own: the checkout may have a local cluster.
  const env = { PATH: '/nowhere', HOME: '/nowhere', CHATCTL_ROOT: '/nowhere' };
  const { status, stderr } = spawnSync(process.execPath, [MAIN, 'status'], { encoding: 'utf8', env, cwd: '/' });
  assert.equal(status, 1);
  assert.match(stderr, /neither KUBECONFIG nor ~\/\.kube\/config names a cluster/);
});
