// Copies crds/*.yaml into the chart, which can hold no links out of itself; `--check` fails when a copy differs.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const FROM = new URL('../crds/', import.meta.url);
const TO = new URL('../charts/chatcells/crds/', import.meta.url);

const yaml = (folder: URL): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort();
const read = (folder: URL, name: string): string => readFileSync(new URL(name, folder), 'utf8');

const names = yaml(FROM);
const extra = yaml(TO).filter((name) => !names.includes(name));
const stale = names.filter((name) => !yaml(TO).includes(name) || read(FROM, name) !== read(TO, name));

if (process.argv.includes('--check')) {
  for (const name of [...stale, ...extra]) {
    console.error(`charts/chatcells/crds/${name} is not as in crds/: run \`npm run gen\` and commit it.`);
  }
  process.exitCode = stale.length + extra.length > 0 ? 1 : 0;
} else {
  for (const name of stale) writeFileSync(new URL(name, TO), read(FROM, name));
  for (const name of extra) rmSync(new URL(name, TO));
}
