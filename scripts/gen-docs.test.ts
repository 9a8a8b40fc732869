// What is generated or said twice must agree with its source.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');
const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });

test('docs/errors.md is what the error table says', () => {
  const { status, stderr } = node('scripts/gen-error-docs.ts', '--check');
  assert.equal(status, 0, stderr);
});

test('docs/web-api.md is what the method table says', () => {
  const { status, stderr } = node('scripts/gen-api-docs.ts', '--check');
  assert.equal(status, 0, stderr);
});

test('the entry point has the version of the package', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  assert.equal(node('main.ts', '--version').stdout.trim(), version);
});

test('an unknown role and a bad flag are usage errors, with a hint', () => {
  const unknown = node('main.ts', 'gatway');
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /Roles: gateway, channel/);
  const flag = node('main.ts', 'migrate', '--store', 'x');
  assert.equal(flag.status, 2);
  assert.match(flag.stderr, /--store: is not a flag[\s\S]*--help/);
  const missing = node('main.ts', 'migrate');
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /STORE_URL: is required/);
});

test('a signal ends a role that is still starting', async () => {
  const env = { POD_NAME: 'p', POD_UID: 'u', POD_IP: '127.0.0.1', CELL: 'c', ZONE: 'z', REGION: 'r' };
  // Nobody answers at the control plane's address, and there is no state directory: the start waits without end.
  const settings = [
    '--store-url',
    'sqlite::memory:',
    '--session-key',
    'A'.repeat(44),
    '--xds-addresses',
    '127.0.0.1:1',
  ];
  const child = spawn(process.execPath, ['main.ts', 'api', ...settings, '--port', '0', '--admin-port', '0'], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  await once(child.stderr, 'data'); // it has begun: it says that it cannot connect
  child.kill('SIGTERM');
  assert.deepEqual(await exited, [1, null]);
});
