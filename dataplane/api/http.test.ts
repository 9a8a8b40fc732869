/** The Web API over HTTP against the real parts of stage 1: gateway, channel server and SQLite in this process. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { pino } from 'pino';
import { topicId } from '../../cells/contract/ids.ts';
import { type StageOne, startStageOne } from '../dev/stage-one.ts';
import { METHODS } from './method-table.ts';

type Answer = Record<string, unknown> & { ok: boolean; error?: string };

const dir = mkdtempSync(join(tmpdir(), 'chatcells-api-'));
let stage: StageOne;
const tokens = { ada: '', bob: '', eve: '', gus: '' };

before(async () => {
  stage = await startStageOne({
    dir,
    storeUrl: 'sqlite::memory:',
    host: '127.0.0.1',
    port: 0,
    log: pino({ level: 'silent' }),
  });
  tokens.ada = await stage.workspaces.token('acme', 'ada');
  tokens.bob = await stage.workspaces.token('acme', 'bob');
  tokens.eve = await stage.workspaces.token('globex', 'eve');
  tokens.gus = await stage.workspaces.token('acme', 'gus', { roles: ['guest'] });
  for (const token of Object.values(tokens)) assert.equal((await call('auth.test', {}, token)).ok, true);
});
after(async () => {
  await stage.close();
  rmSync(dir, { recursive: true });
});

async function http(method: string, init: RequestInit): Promise<{ status: number; headers: Headers; text: string }> {
  const response = await fetch(`${stage.url}/api/${method}`, init);
  return { status: response.status, headers: response.headers, text: await response.text() };
}
async function call(method: string, args: object, token = tokens.ada): Promise<Answer> {
  const { text } = await http(method, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(args),
  });
  return JSON.parse(text) as Answer;
}
let made = 0;
async function newChannel(args: object = {}, token = tokens.ada): Promise<string> {
  const answer = await call('conversations.create', { name: `c${++made}`, ...args }, token);
  assert.equal(answer.ok, true, JSON.stringify(answer));
  return (answer.channel as { id: string }).id;
}
const idOf = async (token: string): Promise<string> => (await call('auth.test', {}, token)).user_id as string;

test('JSON, form and query string are the same call', async () => {
  const channel = await newChannel();
  const bearer = { authorization: `Bearer ${tokens.ada}` };
  const forms = [
    await call('chat.postMessage', { channel, text: 'a b&c' }),
    JSON.parse(
      (
        await http('chat.postMessage', {
          method: 'POST',
          body: new URLSearchParams({ channel, text: 'a b&c', token: tokens.ada }),
        })
      ).text,
    ),
    JSON.parse(
      (await http(`chat.postMessage?${new URLSearchParams({ channel, text: 'a b&c' })}`, { headers: bearer })).text,
    ),
  ] as Answer[];
  for (const answer of forms) assert.equal((answer.message as { text: string }).text, 'a b&c', JSON.stringify(answer));
  const seqs = forms.map(({ seq }) => seq as number);
  assert.deepEqual(seqs, [seqs[0]!, seqs[0]! + 1, seqs[0]! + 2]);
});

test('what is wrong with a request is said in Slack’s words, with status 200', async () => {
  const json = { 'content-type': 'application/json', authorization: `Bearer ${tokens.ada}` };
  const cases: [string, RequestInit, string][] = [
    ['auth.test', { method: 'POST' }, 'not_authed'],
    ['auth.test', { headers: { authorization: 'Bearer x.y.z' } }, 'invalid_auth'],
    ['no.such', { headers: json }, 'unknown_method'],
    ['', {}, 'unknown_method'],
    ['a/b/c', {}, 'unknown_method'],
    ['%ff', {}, 'unknown_method'],
    ['x'.repeat(500), {}, 'unknown_method'],
    ['auth.test', { method: 'POST', headers: json, body: '{"a":' }, 'invalid_json'],
    ['auth.test', { method: 'POST', headers: json, body: '{"__proto__":{"x":1}}' }, 'invalid_json'],
    ['auth.test', { method: 'POST', headers: json, body: '[1]' }, 'json_not_object'],
    ['auth.test', { method: 'POST', headers: json, body: '7' }, 'json_not_object'],
    [
      'auth.test',
      { method: 'POST', headers: { ...json, 'content-type': 'text/xml' }, body: '<a/>' },
      'invalid_post_type',
    ],
    [
      'auth.test',
      { method: 'POST', headers: { ...json, 'content-type': 'text/plain' }, body: '{}' },
      'invalid_post_type',
    ],
    ['chat.postMessage', { method: 'POST', headers: json, body: '{}' }, 'invalid_arguments'],
    ['api.test?error=my_error', {}, 'my_error'],
  ];
  for (const [method, init, error] of cases) {
    const { status, text } = await http(method, init);
    assert.equal(status, 200, `${method} ${text}`);
    assert.equal((JSON.parse(text) as Answer).error, error, `${method} ${JSON.stringify(init)}`);
  }
  const large = await http('auth.test', { method: 'POST', headers: json, body: `"${'x'.repeat(600 * 1024)}"` });
  assert.equal(large.status, 413);
  assert.equal((JSON.parse(large.text) as Answer).error, 'request_too_large');
});

test('a content type and no body is a call without arguments, as some HTTP libraries send it', async () => {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${tokens.ada}` };
  const { text } = await http('auth.test', { method: 'POST', headers });
  assert.equal((JSON.parse(text) as Answer).ok, true, text);
});

test('an answer carries the id of its request, the one it came with when that is an id', async () => {
  const id = async (sent: string): Promise<string | null> =>
    (await http('api.test', { headers: { 'x-request-id': sent } })).headers.get('x-request-id');
  assert.equal(await id('3f1c-77'), '3f1c-77');
  for (const bad of ['', 'a b', 'x'.repeat(200), '<script>'])
    assert.match((await id(bad)) ?? '', /^[0-9a-f]{16}$/, bad);
});

test('an invitation of a member and a kick of none are said in Slack’s words', async () => {
  const channel = await newChannel();
  const carol = await idOf(await stage.workspaces.token('acme', 'carol'));
  const [bob, eve] = [await idOf(tokens.bob), await idOf(tokens.eve)];
  assert.equal((await call('conversations.kick', { channel, user: bob })).error, 'not_in_channel');
  assert.equal((await call('conversations.invite', { channel, users: bob })).ok, true);
  assert.equal((await call('conversations.invite', { channel, users: bob })).error, 'already_in_channel');
  assert.equal((await call('conversations.invite', { channel, users: [bob, carol] })).ok, true);
  assert.equal((await call('conversations.kick', { channel, user: bob })).ok, true);
  assert.equal((await call('conversations.kick', { channel, user: bob })).error, 'not_in_channel');
  for (const user of [eve, 'U0NOBODY'])
    assert.equal((await call('conversations.kick', { channel, user })).error, 'user_not_found');
});

test('blocks: passed through, edited, kept by an edit of the text, and bounded', async () => {
  const channel = await newChannel();
  const section = (text: string): object => ({ type: 'section', text: { type: 'plain_text', text } });
  const newest = async (): Promise<{ text: string; blocks?: object[] }> =>
    ((await call('conversations.history', { channel, limit: 1 })) as unknown as { messages: [{ text: string }] })
      .messages[0];
  const { ts } = await call('chat.postMessage', { channel, blocks: [section('one')] });
  const edit = (over: object): Promise<Answer> => call('chat.update', { channel, ts, ...over });
  assert.equal((await edit({ text: 'words' })).ok, true);
  assert.partialDeepStrictEqual(await newest(), { text: 'words', blocks: [section('one')] });
  assert.equal((await edit({ blocks: JSON.stringify([section('two')]) })).ok, true);
  assert.partialDeepStrictEqual(await newest(), { text: 'words', blocks: [section('two')] });
  assert.equal((await edit({ text: 'words', blocks: [] })).ok, true);
  assert.equal((await newest()).blocks, undefined);
  assert.equal((await edit({})).error, 'no_text');
  const bad: [unknown, string][] = [
    ['nonsense', 'invalid_blocks_format'],
    [{ type: 'section' }, 'invalid_blocks_format'],
    [Array.from({ length: 51 }, () => section('x')), 'invalid_blocks'],
    [[section('x'.repeat(120_000))], 'msg_blocks_too_long'],
  ];
  for (const [blocks, error] of bad)
    for (const method of ['chat.postMessage', 'chat.update'])
      assert.equal((await call(method, { channel, ts, text: 'x', blocks })).error, error, method);
});

test('text: empty, too long, and of 40,000 characters of any script', async () => {
  const channel = await newChannel();
  assert.equal((await call('chat.postMessage', { channel, text: '' })).error, 'no_text');
  assert.equal((await call('chat.postMessage', { channel, text: 'x'.repeat(40_001) })).error, 'msg_too_long');
  const text = '全'.repeat(40_000);
  const { ts } = await call('chat.postMessage', { channel, text });
  const { messages } = (await call('conversations.history', { channel, limit: 1 })) as unknown as {
    messages: { ts: string; text: string }[];
  };
  assert.deepEqual([messages[0]!.ts, messages[0]!.text === text], [ts, true]);
});

test('an id of another workspace is answered like one that does not exist', async () => {
  const channel = await newChannel();
  const { ts } = await call('chat.postMessage', { channel, text: 'ours' });
  const ada = await idOf(tokens.ada);
  const eve = await idOf(tokens.eve);
  for (const [name, { args }] of METHODS) {
    if (!('channel' in args)) continue;
    const rest = { ts, text: 'x', users: eve, user: eve };
    const foreign = await call(name, { channel, ...rest }, tokens.eve);
    const nowhere = await call(name, { channel: 'C0NOWHERE', ...rest }, tokens.eve);
    assert.equal(foreign.ok, false, name);
    assert.deepEqual(foreign, nowhere, name);
  }
  const asks: [string, object][] = [
    ['users.info', { user: ada }],
    ['conversations.open', { users: ada }],
    ['chat.postMessage', { channel: ada, text: 'hi' }],
    ['conversations.invite', { channel: await newChannel({}, tokens.eve), users: ada }],
  ];
  for (const [name, args] of asks) assert.equal((await call(name, args, tokens.eve)).error, 'user_not_found', name);
  const listed = JSON.stringify([
    await call('conversations.list', {}, tokens.eve),
    await call('users.list', {}, tokens.eve),
  ]);
  assert.doesNotMatch(listed, new RegExp(`${channel}|${ada}`));
});

test('a private channel is there for its members only', async () => {
  const channel = await newChannel({ is_private: true });
  const bob = await idOf(tokens.bob);
  const asks = [
    'conversations.info',
    'conversations.history',
    'conversations.members',
    'conversations.join',
    'chat.postMessage',
  ];
  for (const name of asks)
    assert.equal((await call(name, { channel, text: 'x' }, tokens.bob)).error, 'channel_not_found', name);
  assert.equal((await call('conversations.invite', { channel, users: bob })).ok, true);
  assert.equal((await call('conversations.info', { channel }, tokens.bob)).ok, true);
  await eventually(async () => (await channelsOf(tokens.bob, 'private_channel')).includes(channel));
  assert.equal((await call('conversations.kick', { channel, user: bob })).ok, true);
  for (const name of asks)
    assert.equal((await call(name, { channel, text: 'x' }, tokens.bob)).error, 'channel_not_found', name);
});

test('of many who make one name at once, one does', async () => {
  const users = new Map([tokens.ada, tokens.bob].map((token) => [token, idOf(token)]));
  const creators = new Set<string>();
  const ids = new Set<string>();
  const ask = async (token: string): Promise<void> => {
    const { ok, error, channel } = await call('conversations.create', { name: 'race' }, token);
    assert.ok(ok || error === 'name_taken', `${error}`);
    if (!ok) return;
    creators.add(await users.get(token)!);
    ids.add((channel as { id: string }).id);
  };
  await Promise.all(Array.from({ length: 12 }, (_, i) => ask(i % 2 ? tokens.ada : tokens.bob)));
  assert.deepEqual([ids.size, creators.size], [1, 1]);
  // The same name is free in another workspace.
  assert.equal((await call('conversations.create', { name: 'race' }, tokens.eve)).ok, true);
});

test('a name that was reserved by one who died is made by the next, and by one of two', async () => {
  const { id: workspace } = stage.workspaces.entries[0]!;
  const reserved = topicId('C', 123_456_789_012n);
  await stage.store.directory.reserveName(workspace, 'orphan', reserved);
  const answers = await Promise.all(
    [tokens.ada, tokens.bob].map((token) => call('conversations.create', { name: 'orphan' }, token)),
  );
  const won = answers.filter(({ ok }) => ok).map(({ channel }) => (channel as { id: string }).id);
  assert.deepEqual(won, [reserved], JSON.stringify(answers));
  assert.equal((await call('conversations.create', { name: 'orphan' }, tokens.gus)).error, 'restricted_action');
});

test('a DM is one channel, whoever opens it and however often', async () => {
  const [ada, bob] = [await idOf(tokens.ada), await idOf(tokens.bob)];
  const answers = await Promise.all([
    ...Array.from({ length: 4 }, () => call('conversations.open', { users: bob })),
    ...Array.from({ length: 4 }, () => call('conversations.open', { users: ada }, tokens.bob)),
  ]);
  const ids = new Set(answers.map(({ channel }) => (channel as { id: string }).id));
  assert.equal(ids.size, 1, JSON.stringify(answers));
  const [channel] = ids;
  assert.equal((await call('conversations.open', { channel })).already_open, true);
  assert.equal(
    (await call('conversations.kick', { channel, user: bob })).error,
    'method_not_supported_for_channel_type',
  );
  assert.equal((await call('conversations.info', { channel }, tokens.gus)).error, 'channel_not_found');
  const group = await call('conversations.open', { users: [bob, await idOf(tokens.gus)], return_im: true });
  assert.equal((group.channel as { is_mpim: boolean }).is_mpim, true);
  assert.equal((await call('conversations.open', {})).error, 'users_list_not_supplied');
  assert.equal((await call('conversations.open', { users: 'U0NOBODY' })).error, 'user_not_found');
});

test('a post with a client_msg_id is one message however often it is sent', async () => {
  const channel = await newChannel();
  const post = { channel, text: 'once', client_msg_id: crypto.randomUUID() };
  const answers = await Promise.all(Array.from({ length: 8 }, () => call('chat.postMessage', post)));
  assert.equal(new Set(answers.map(({ ts }) => ts)).size, 1);
  const again = await call('chat.postMessage', { ...post, text: 'other words' });
  assert.equal((again.message as { text: string }).text, 'once');
  assert.equal((await call('chat.postMessage', { ...post, client_msg_id: '~mine' })).error, 'invalid_arguments');
  const { messages } = (await call('conversations.history', { channel })) as unknown as {
    messages: { text?: string }[];
  };
  assert.equal(messages.filter(({ text }) => text === 'once').length, 1);
});

test('property: pages of history put together are the whole, for every page size and range', async () => {
  const channel = await newChannel();
  const all: string[] = [];
  for (let i = 0; i < 20; i++) all.push((await call('chat.postMessage', { channel, text: `${i}` })).ts as string);
  const at = fc.integer({ min: 0, max: all.length - 1 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 12 }), at, at, fc.boolean(), async (limit, i, j, inclusive) => {
      const [low, high] = [Math.min(i, j), Math.max(i, j)];
      const range = { channel, oldest: all[low], latest: all[high], inclusive, limit };
      const seen: string[] = [];
      let cursor = '';
      do {
        const page = (await call('conversations.history', { ...range, cursor })) as unknown as {
          messages: { ts: string }[];
          has_more: boolean;
          response_metadata?: { next_cursor: string };
        };
        assert.ok(page.messages.length <= limit);
        seen.push(...page.messages.map(({ ts }) => ts));
        assert.ok(seen.length <= all.length, 'a message came twice');
        cursor = page.response_metadata?.next_cursor ?? '';
        assert.equal(page.has_more, cursor !== '');
      } while (cursor !== '');
      const expected = inclusive ? all.slice(low, high + 1) : all.slice(low + 1, high);
      assert.deepEqual(seen, expected.reverse());
    }),
    { numRuns: 40 },
  );
});

test('conversations.list pages over one’s own channels, then the public ones', async () => {
  for (let i = 0; i < 5; i++) await newChannel({ is_private: i % 2 === 0 });
  await eventually(async () => (await channelsOf(tokens.ada, 'private_channel')).length >= 3);
  const types = 'public_channel,private_channel,im,mpim';
  const whole = await channelsOf(tokens.ada, types);
  assert.equal(new Set(whole).size, whole.length);
  for (const limit of [1, 2, 3, whole.length]) assert.deepEqual(await channelsOf(tokens.ada, types, limit), whole);
  assert.equal((await call('conversations.list', { types: 'public' })).error, 'invalid_types');
  // A guest sees only what it is in.
  assert.deepEqual(await channelsOf(tokens.gus, 'public_channel'), []);
  assert.equal((await call('conversations.create', { name: 'guest' }, tokens.gus)).error, 'restricted_action');
});

test('a workspace over its rate is told when to come back, and costs no other', async () => {
  const [acme] = stage.workspaces.entries;
  const channel = await newChannel();
  stage.control.setWorkspace({ ...acme!, limits: { ...acme!.limits, postsPerSecond: 1 } });
  try {
    const init = {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens.ada}`, 'content-type': 'application/json' },
      body: JSON.stringify({ channel, text: 'x' }),
    };
    const answers = [];
    for (let i = 0; i < 8; i++) answers.push(await http('chat.postMessage', init));
    const limited = answers.find(({ status }) => status === 429);
    assert.ok(limited, 'none was limited');
    assert.equal((JSON.parse(limited.text) as Answer).error, 'ratelimited');
    assert.ok(Number(limited.headers.get('retry-after')) >= 1);
    assert.equal((await call('conversations.create', { name: 'unharmed' }, tokens.eve)).ok, true);
  } finally {
    stage.control.setWorkspace(acme!);
  }
});

test('property: no arguments give a 5xx, a stack trace or a dead server', async () => {
  const channel = await newChannel();
  const user = await idOf(tokens.bob);
  const known = fc.constantFrom(
    channel,
    user,
    'C0',
    'D1',
    'U1',
    '',
    '1.000001',
    'true',
    '-1',
    '999',
    '\u0000',
    '\ud800',
    '%00',
    "'; --",
  );
  const value = fc.oneof({ weight: 3, arbitrary: known }, { weight: 1, arbitrary: fc.jsonValue() }, fc.string());
  const names = [
    ...new Set([...METHODS.values()].flatMap(({ args }) => Object.keys(args))),
    'token',
    'error',
    '__proto__',
  ];
  const args = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 6 });
  const method = fc.constantFrom(...METHODS.keys(), 'api.test');
  await fc.assert(
    fc.asyncProperty(method, args, fc.boolean(), async (name, fields, isForm) => {
      const body = isForm
        ? new URLSearchParams(
            Object.entries(fields).map(([k, v]) => [k, String(typeof v === 'object' ? JSON.stringify(v) : v)]),
          )
        : JSON.stringify(fields);
      const { status, text } = await http(name, {
        method: 'POST',
        headers: { authorization: `Bearer ${tokens.ada}`, ...(isForm ? {} : { 'content-type': 'application/json' }) },
        body,
      });
      assert.ok(status < 500, `${name} ${JSON.stringify(fields)} → ${status} ${text}`);
      assert.equal(typeof (JSON.parse(text) as Answer).ok, 'boolean');
      assert.doesNotMatch(text, / at .*\.ts|SQLITE|SELECT /);
    }),
    { numRuns: 400 },
  );
  assert.equal((await call('auth.test', {})).ok, true);
});

async function channelsOf(token: string, types: string, limit = 1000): Promise<string[]> {
  const ids: string[] = [];
  let cursor = '';
  do {
    const page = (await call('conversations.list', { types, limit, cursor }, token)) as unknown as {
      channels: { id: string }[];
      response_metadata: { next_cursor: string };
    };
    assert.ok(page.channels.length <= limit);
    ids.push(...page.channels.map(({ id }) => id));
    assert.ok(ids.length < 1000, 'the pages never end');
    cursor = page.response_metadata.next_cursor;
  } while (cursor !== '');
  return ids;
}

/** Membership lists are projections: they follow the log within moments. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, 'the condition never held');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
