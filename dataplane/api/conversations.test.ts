import assert from 'node:assert/strict';
import { test } from 'node:test';
import { topicId } from '../../cells/contract/ids.ts';
import { call, channelsOf, eventually, idOf, newChannel, stage, tokens } from './http.test-support.ts';
import { METHODS } from './method-table.ts';

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
