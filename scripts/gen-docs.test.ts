// What is generated or said twice must agree with its source.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
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
