#!/usr/bin/env node
// Starts chatctl under the Node that the package brings, whatever Node `npx` itself runs on.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const bundled = join(root, 'dist/chatctl.js');
const source = join(root, 'cli/main.ts');
// In a checkout the sources are the truth; the bundle serves where there are none.
const useBundle = !existsSync(source);
const local = join(root, 'node_modules/.bin/node');
const node = existsSync(local) ? local : process.execPath;
const child = spawn(
  node,
  ['--disable-warning=ExperimentalWarning', useBundle ? bundled : source, ...process.argv.slice(2)],
  {
    stdio: 'inherit',
    env: { ...process.env, CHATCTL_ROOT: root },
  },
);
// The terminal sends Ctrl-C to the child as well, and twice is once too often; a signal to this process alone is passed on.
process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('error', (error) => {
  console.error(`chatctl: ${error.message}: run \`npm ci\` in ${root}`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
