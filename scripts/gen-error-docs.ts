// Generates docs/errors.md from the error table; `--check` fails when the file on disk differs.
import { readFileSync, writeFileSync } from 'node:fs';
import { ChatError, ERRORS, type ErrorCode } from '../cells/contract/errors.ts';

const OUT = new URL('../docs/errors.md', import.meta.url);
const TABLE = new URL('../cells/contract/errors.ts', import.meta.url);

/** The comment lines of the table are its sections: `// limits` above the rows of limits. */
function sections(): { title: string; codes: ErrorCode[] }[] {
  const source = readFileSync(TABLE, 'utf8');
  const body = source.slice(source.indexOf('export const ERRORS'), source.indexOf('} as const satisfies'));
  const found: { title: string; codes: ErrorCode[] }[] = [];
  for (const line of body.split('\n')) {
    const title = /^ {2}\/\/ (.+)$/.exec(line)?.[1];
    if (title !== undefined) found.push({ title, codes: [] });
    const code = /^ {2}(\w+): row\(/.exec(line)?.[1];
    if (code !== undefined) found.at(-1)?.codes.push(code as ErrorCode);
  }
  return found;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

function render(): string {
  const known = sections();
  const listed = known.flatMap(({ codes }) => codes);
  const missing = Object.keys(ERRORS).filter((code) => !listed.includes(code as ErrorCode));
  if (missing.length > 0) throw new Error(`rows that the generator did not find: ${missing.join(', ')}`);
  const parts = [
    '# Errors',
    '',
    '<!-- Generated from cells/contract/errors.ts by scripts/gen-error-docs.ts. Do not edit. -->',
    '',
    'Match on the code, never on the message. "Again" tells whether the same request may succeed later without a change. The Web API answers `{"ok": false, "error": code}` with the HTTP status given; a code that only the inside knows (such as `moved` or `fenced`) reaches a client as `service_unavailable`.',
  ];
  for (const { title, codes } of known) {
    const head = title[0]!.toUpperCase() + title.slice(1);
    parts.push('', `## ${head}`, '', '| code | what happened | what to do | HTTP | again |', '|---|---|---|---|---|');
    for (const code of codes) {
      const { message, hint, retryable } = ERRORS[code];
      const { httpStatus } = new ChatError(code);
      parts.push(`| \`${code}\` | ${cell(message)} | ${cell(hint)} | ${httpStatus} | ${retryable ? 'yes' : 'no'} |`);
    }
  }
  return `${parts.join('\n')}\n`;
}

const text = render();
if (process.argv.includes('--check')) {
  const same = readFileSync(OUT, 'utf8') === text;
  if (!same) console.error('docs/errors.md is not what the error table says: run npm run gen');
  process.exit(same ? 0 : 1);
}
writeFileSync(OUT, text);
