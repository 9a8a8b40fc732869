import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Answer, call, newChannel } from './http.test-support.ts';

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
