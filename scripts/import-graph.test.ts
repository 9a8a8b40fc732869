// Walks every import of the tree and fails on an edge that the layout forbids (ARCHITECTURE.md, "Code map").
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');

/** Folder → the folders that its files may import from, beside itself. The longest matching prefix rules. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  crds: [],
  'cells/contract': ['crds'],
  'cells/ring': ['crds', 'cells/contract'],
  'cells/traffic': ['crds', 'cells/contract'],
  'cells/placement': ['crds', 'cells/contract'],
  'cells/health': ['crds', 'cells/contract'],
  'cells/xds': ['crds', 'cells'],
  'cells/controlplane': ['crds', 'cells'],
  operator: ['crds', 'cells/contract', 'cells/ring', 'cells/traffic', 'cells/placement', 'cells/health'],
  'operator/runtime': ['cells/contract'],
  dataplane: ['crds', 'cells/contract'],
  'dataplane/client': ['crds', 'cells/contract', 'dataplane/protocol'],
  'dataplane/storage': ['cells/contract'],
  'dataplane/protocol': ['cells/contract', 'dataplane/storage'],
  cli: ['crds', 'cells/contract', 'dataplane/client'],
  e2e: ['crds', 'dataplane/client'],
  // What is measured within a process: lookups, the planner, the ADS server.
  'e2e/bench': ['crds', 'cells', 'dataplane/client'],
  scripts: ['crds', 'cells', 'operator', 'dataplane', 'cli', 'e2e/alerts', 'main.ts'],
  'main.ts': ['cells', 'operator', 'dataplane'],
};

const within = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
const ruleOf = (file: string): string | undefined =>
  Object.keys(ALLOWED)
    .filter((folder) => within(file, folder))
    .sort((a, b) => b.length - a.length)[0];

interface Edge {
  from: string;
  to: string;
}

function importsOf(file: string): Edge[] {
  const source = readFileSync(join(ROOT, file), 'utf8').replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, '');
  const specifiers = source.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g);
  return [...specifiers].map((m) => ({ from: file, to: relative(ROOT, join(ROOT, dirname(file), m[1]!)) }));
}

function forbidden({ from, to }: Edge): boolean {
  const rule = ruleOf(from);
  return rule === undefined || !(within(to, rule) || ALLOWED[rule]!.some((folder) => within(to, folder)));
}

const files = globSync(['*.ts', '{crds,cells,operator,dataplane,cli,e2e,scripts}/**/*.ts'], {
  cwd: ROOT,
  exclude: (name) => name === 'node_modules',
});

test('no import crosses a forbidden edge', () => {
  const edges = files.flatMap(importsOf);
  assert.ok(edges.length > 50, `only ${edges.length} imports were read: the reader is broken`);
  const found = edges.filter(forbidden).map(({ from, to }) => `${from} imports ${to}`);
  assert.deepEqual(found, []);
});

test('a forbidden edge is recognised', () => {
  assert.equal(forbidden({ from: 'operator/x.ts', to: 'dataplane/y.ts' }), true);
  assert.equal(forbidden({ from: 'cells/ring/x.ts', to: 'cells/xds/y.ts' }), true);
  assert.equal(forbidden({ from: 'cli/x.ts', to: 'dataplane/client/index.ts' }), false);
});

test('no code beside the configuration of a role reads process.env', () => {
  const roles = files.filter(
    (f) =>
      /^(cells|operator|dataplane)\//.test(f) && !/\.test\.ts$|\/testing\/|\/bench|\/conformance|\/sim\/main/.test(f),
  );
  const readers = roles.filter((f) =>
    /process\.env/.test(readFileSync(join(ROOT, f), 'utf8').replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, '')),
  );
  assert.deepEqual(readers, []);
});
