// docs/runbooks: a page for every alert and every command that changes something, with commands that chatctl knows.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from '../cli/program.ts';

const ROOT = join(import.meta.dirname, '..');
const DIR = join(ROOT, 'docs/runbooks');
/** Commands that change nothing in a running installation. Every other one needs a page: `drain`, `ring move`, … */
const READS = [
  'status',
  'get',
  'describe',
  'where',
  'proxy-status',
  'proxy-config',
  'cluster',
  'dev',
  'dev-token',
  'help',
  'ring status',
  'ring plan',
];
const SECTIONS = ['First look', 'Decide', 'Act', 'Verify', 'Undo', 'Escalate'];

const read = (name: string): string => readFileSync(join(DIR, name), 'utf8');
const pages = readdirSync(DIR).filter((name) => name !== 'README.md');

/** A chatctl that parses and does nothing. */
function inertProgram(): Command {
  const { program } = createProgram({ terminal: { note: () => {} } } as never);
  const silence = (command: Command): void => {
    if (command.commands.length === 0) command.action(() => {});
    for (const child of command.commands) silence(child);
  };
  silence(program);
  return program;
}

const leaves = (command: Command, path: string[] = []): string[] =>
  command.commands.length === 0
    ? [path.join(' ')]
    : command.commands.flatMap((child) => leaves(child, [...path, child.name()]));

/** Words of a shell line up to a pipe or comment; quotes hold words together. */
const wordsOf = (line: string): string[] =>
  [...line.replace(/\s[|#].*$/, '').matchAll(/"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2]!);

const commandsIn = (text: string): string[] =>
  [
    ...[...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((m) => m[1]!.split('\n')),
    ...[...text.matchAll(/`(chatctl [^`]+)`/g)].map((m) => m[1]!),
  ].filter((line) => line.startsWith('chatctl '));

async function problemOf(line: string): Promise<string | undefined> {
  try {
    await inertProgram().parseAsync(wordsOf(line).slice(1), { from: 'user' });
    return undefined;
  } catch (e: unknown) {
    return `${line}: ${e instanceof Error ? e.message : String(e)}`;
  }
}

test('every alert, and every command that changes something, has its page, and no page is left over', () => {
  const rules = readFileSync(join(ROOT, 'charts/chatcells/templates/prometheusrule.yaml'), 'utf8');
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map((m) => m[1]!);
  const verbs = leaves(inertProgram()).filter((verb) => !READS.includes(verb));
  assert.ok(alerts.length > 10 && verbs.includes('drain'), `${alerts.length} alerts, verbs ${verbs}`);
  const wanted = [...alerts, ...verbs.map((v) => `chatctl-${v.replaceAll(' ', '-')}`)].map((n) => `${n}.md`);
  assert.deepEqual(pages.sort(), wanted.sort());
});

test('every page has every section, and stands in the index', () => {
  const index = read('README.md');
  for (const page of pages) {
    const text = read(page);
    for (const section of SECTIONS) assert.ok(text.includes(`\n## ${section}\n`), `${page} has no "${section}"`);
    assert.ok(index.includes(`(${page})`), `${page} is not in the index`);
  }
});

test('every chatctl command of the pages is one that chatctl takes', async () => {
  const lines = pages.flatMap((page) => commandsIn(read(page)));
  assert.ok(lines.length > 30, `only ${lines.length} commands were read`);
  // Words alone, in running text, stand for the command and not for a call of it.
  const calls = lines.filter(
    (line) => wordsOf(line).length > 2 || ['chatctl status', 'chatctl proxy-status'].includes(line),
  );
  assert.deepEqual(
    (await Promise.all(calls.map(problemOf))).filter((p) => p !== undefined),
    [],
  );
});

test('logs of several Pods are asked for whole, and with their names', () => {
  // `kubectl logs -l` shows ten lines of each Pod unless told otherwise.
  const lines = pages.flatMap((page) =>
    read(page)
      .split('\n')
      .filter((line) => /kubectl logs.* -l /.test(line)),
  );
  assert.ok(lines.length > 5, `only ${lines.length} commands were read`);
  assert.deepEqual(
    lines.filter((line) => !line.includes('--tail=-1') || !line.includes('--prefix')),
    [],
  );
});

test('a wrong command is recognised', async () => {
  assert.match((await problemOf('chatctl drain cell-b --quick')) ?? '', /unknown option/);
  assert.match((await problemOf('chatctl drane cell-b')) ?? '', /unknown command|too many/);
  assert.equal(await problemOf('chatctl drain cell-b --reason "a b" | head'), undefined);
});
