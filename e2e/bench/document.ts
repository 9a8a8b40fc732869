/**
 * `node e2e/bench/document.ts [DIR]` puts the results that lie in .local/bench (or DIR) into docs/benchmarks.md: each
 * between its own markers, `<!-- ring -->` and `<!-- /ring -->`. A benchmark without a result keeps what stands there.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { figureRows, type Result, short } from './report.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = join(ROOT, 'docs/benchmarks.md');

function section({ command, at, machine, rounds, setting, figures, claims }: Result): string {
  const sizes = Object.entries(setting).map(([name, value]) => `${name} ${value}`);
  const [head, ...rows] = figureRows(figures);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    `\`${command}\`, ${at.slice(0, 10)}: ${[...sizes, `${rounds} rounds`].join(', ')}.`,
    `${machine.cpus} × ${machine.model}, ${machine.memoryGiB} GiB, Node ${machine.node}, load ${short(machine.load)} at the start.`,
    '',
    line(head!),
    line(head!.map(() => '---')),
    ...rows.map(line),
    '',
    ...claims.map((c) => `- ${c.holds ? 'Holds' : '**Does not hold**'}: ${c.what}: ${c.measured}.`),
  ].join('\n');
}

const dir = process.argv[2] ?? join(ROOT, '.local/bench');
const page = readFileSync(PAGE, 'utf8').replace(
  /<!-- (\w+) -->\n[\s\S]*?<!-- \/\1 -->/g,
  (before: string, name: string) => {
    const file = join(dir, `${name}.json`);
    if (!existsSync(file)) return before;
    const result = JSON.parse(readFileSync(file, 'utf8')) as Result;
    return result.smoke ? before : `<!-- ${name} -->\n${section(result)}\n<!-- /${name} -->`;
  },
);
writeFileSync(PAGE, page);
