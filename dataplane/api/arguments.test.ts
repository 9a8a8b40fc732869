import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChatError } from '../../cells/contract/errors.ts';
import { blocks, boolean, bound, channel, list, optional, pageSize, parseArguments, string } from './arguments.ts';

const declared = {
  name: string('A name.'),
  flag: optional(boolean('A flag.'), false),
  limit: pageSize(999, 100),
  users: optional(list('Ids.')),
  blocks: optional(blocks('Blocks.')),
  oldest: bound('Start.', 'invalid_ts_oldest'),
  channel: optional(channel('Id.')),
};

const codeOf = (raw: Record<string, unknown>): string => {
  try {
    parseArguments(declared, raw);
    return 'ok';
  } catch (e: unknown) {
    return e instanceof ChatError ? `${e.code}${e.details.argument ? `:${e.details.argument}` : ''}` : String(e);
  }
};

test('JSON and form values give the same arguments', () => {
  const json = { name: 'a', flag: true, limit: 5, users: ['U1', 'U2'], blocks: [{ type: 'divider' }] };
  const form = { name: 'a', flag: 'true', limit: '5', users: 'U1, U2,', blocks: '[{"type":"divider"}]' };
  assert.deepEqual(parseArguments(declared, json), parseArguments(declared, form));
});

test('absent arguments take their defaults; unknown ones are ignored', () => {
  const { name, flag, limit, users, oldest } = parseArguments(declared, { name: 'a', as_user: 'x', oldest: '' });
  assert.deepEqual([name, flag, limit, users, oldest], ['a', false, 100, undefined, undefined]);
});

test('each bad value is named, or has the error that Slack has for it', () => {
  const cases: [Record<string, unknown>, string][] = [
    [{}, 'invalid_arguments:name'],
    [{ name: 7 }, 'invalid_arguments:name'],
    [{ name: 'a', flag: 'maybe' }, 'invalid_arguments:flag'],
    [{ name: 'a', limit: 0 }, 'invalid_limit'],
    [{ name: 'a', limit: '1e3' }, 'invalid_limit'],
    [{ name: 'a', users: [7] }, 'invalid_arguments:users'],
    [{ name: 'a', blocks: '{"type"' }, 'invalid_blocks_format'],
    [{ name: 'a', oldest: 'yesterday' }, 'invalid_ts_oldest'],
    [{ name: 'a', channel: 'general' }, 'channel_not_found'],
    [{ name: 'a', channel: '__proto__' }, 'channel_not_found'],
  ];
  for (const [raw, code] of cases) assert.equal(codeOf(raw), code, JSON.stringify(raw));
});

test('a page size above the maximum is the maximum', () => {
  assert.equal(parseArguments(declared, { name: 'a', limit: 5000 }).limit, 999);
});

test('lone surrogates do not reach the store', () => {
  assert.equal(parseArguments(declared, { name: 'a\ud800b' }).name, 'a\ufffdb');
});

test('property: whatever is sent, it parses or is refused with a code of the table', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...Object.keys(declared), 'x'), fc.jsonValue()), (raw) => {
      assert.doesNotMatch(codeOf(raw), /TypeError|RangeError|internal_error/);
    }),
  );
});
