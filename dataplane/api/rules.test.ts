/** The small pure rules: names, cursors, origins, limits, failures, traces. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChatError, ERRORS, type ErrorCode } from '../../cells/contract/errors.ts';
import { userId, workspaceId } from '../../cells/contract/ids.ts';
import { ManualClock } from '../auth/auth.test-support.ts';
import { failureOf } from './answer.ts';
import { channelName } from './channel-name.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { WorkspaceRateLimit } from './rate-limit.ts';
import { originOf, webSocketOrigin } from './request-url.ts';
import { dmName, otherMember } from './shapes.ts';

const code = (fn: () => unknown): string => {
  try {
    return String(fn());
  } catch (e: unknown) {
    assert.ok(e instanceof ChatError, String(e));
    return e.code;
  }
};

test('names of channels', () => {
  assert.equal(channelName('release-2026_11'), 'release-2026_11');
  assert.equal(channelName('#全体'), '全体');
  assert.equal(channelName('cafe\u0301'), 'caf\u00e9');
  assert.equal(
    code(() => channelName('  ')),
    'invalid_name_required',
  );
  assert.equal(
    code(() => channelName('a'.repeat(81))),
    'invalid_name_maxlength',
  );
  assert.equal(
    code(() => channelName('--__')),
    'invalid_name_punctuation',
  );
  for (const name of ['General', 'two words', 'a.b', 'a\u0000b', 'a\u200bb', "x';--"])
    assert.equal(
      code(() => channelName(name)),
      'invalid_name_specials',
      name,
    );
});

test('cursors come back as they went out, and foreign ones are refused', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 100 }), (value) => {
      assert.equal(
        decodeCursor('user', encodeCursor('user', value), (v) => v),
        value.toWellFormed(),
      );
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.equal(
        code(() => decodeCursor('user', text, (v) => v)),
        'invalid_cursor',
      );
    }),
  );
  assert.equal(
    code(() => decodeCursor('user', encodeCursor('public', 'C1'), (v) => v)),
    'invalid_cursor',
  );
});

test('the origin is the one that the client used, behind a proxy too', () => {
  const none = { host: undefined, forwardedHost: undefined, forwardedProto: undefined };
  const fallback = 'http://fallback';
  assert.equal(originOf({ ...none, host: '127.0.0.1:8080' }, fallback), 'http://127.0.0.1:8080');
  assert.equal(
    originOf({ host: 'pod:80', forwardedHost: 'chat.example.com, b', forwardedProto: 'https' }, fallback),
    'https://chat.example.com',
  );
  assert.equal(originOf({ ...none, host: '[::1]:80' }, fallback), 'http://[::1]:80');
  for (const host of ['a b', 'x/y', 'x"y', '', 'u@h'])
    assert.equal(originOf({ ...none, host }, fallback), fallback, host);
  assert.equal(webSocketOrigin('https://a'), 'wss://a');
  assert.equal(webSocketOrigin('http://a'), 'ws://a');
});

test('a bucket gives one second of the rate, refills with time, and is one workspace’s own', () => {
  const clock = new ManualClock();
  const limit = new WorkspaceRateLimit(clock);
  const [acme, globex] = [workspaceId(1n), workspaceId(2n)];
  for (let i = 0; i < 5; i++) limit.take(acme, 5);
  assert.throws(() => limit.take(acme, 5), { code: 'ratelimited', details: { retryAfterSeconds: 1 } });
  limit.take(globex, 5);
  clock.advance(200);
  limit.take(acme, 5);
  assert.equal(
    code(() => limit.take(acme, 5)),
    'ratelimited',
  );
});

test('no failure shows the inside', () => {
  for (const known of Object.keys(ERRORS) as ErrorCode[]) {
    const { body, status } = failureOf(new ChatError(known, { secret: 'SELECT 1' }, new Error('SELECT 1')));
    assert.equal(body.ok, false);
    assert.doesNotMatch(JSON.stringify(body), /SELECT|stack/);
    assert.ok([200, 413, 429, 500, 503].includes(status), `${known} ${status}`);
  }
  assert.equal(failureOf(new ChatError('moved')).body.error, 'service_unavailable');
  assert.deepEqual(failureOf(new ChatError('ratelimited', { retryAfterSeconds: 3 })).headers, { 'retry-after': '3' });
  assert.match(
    JSON.stringify(failureOf(new ChatError('invalid_arguments', { argument: 'ts', problem: 'is required' })).body),
    /ts: is required/,
  );
});

test('the name of a DM is one for a set of users, and tells the other', () => {
  const [a, b, c] = [userId(10n), userId(11n), userId(12n)];
  assert.equal(dmName([a, b]), dmName([b, a, b]));
  assert.match(dmName([a, b, c]), /^mpdm-/);
  const row = { id: 'D1', name: dmName([a, b]), creator: a } as unknown as Parameters<typeof otherMember>[0];
  assert.equal(otherMember(row, a), b);
  assert.equal(otherMember(row, b), a);
  assert.equal(otherMember({ ...row, name: dmName([a]) }, a), a);
});
