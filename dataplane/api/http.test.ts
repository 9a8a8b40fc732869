import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Answer, call, http, idOf, newChannel, stage, tokens } from './http.test-support.ts';
import { METHODS } from './method-table.ts';

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
