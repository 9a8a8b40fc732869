import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TopicId, topicId, userId, workspaceId } from '../../cells/contract/ids.ts';
import type { Operation } from '../protocol/operations.ts';
import type { ChannelRow } from '../storage/store.ts';
import { authoriseChannel, authoriseMessage, authoriseOther } from './authorise.ts';

const HERE = workspaceId(1n);
const ADA = userId(10n);
const BOB = userId(11n);
const channel = (over: Partial<ChannelRow> = {}): ChannelRow => ({
  id: topicId('C', 100n),
  workspace: HERE,
  name: 'x',
  isPrivate: false,
  isArchived: false,
  creator: ADA,
  created: 1,
  ...over,
});
const actor = (user = BOB, roles = ['member']) => ({ workspace: HERE, user, roles });

const ALL: Operation[] = ['post', 'update', 'delete', 'join', 'leave', 'invite', 'kick', 'typing'];
const READS: Operation[] = ['subscribe', 'info', 'members', 'history', 'replay'];

test('a missing channel, another workspace and a private one to a stranger cannot be told apart', () => {
  const facts = [
    { channel: undefined, isMember: false },
    { channel: channel({ workspace: workspaceId(2n) }), isMember: true },
    { channel: channel({ isPrivate: true }), isMember: false },
  ];
  for (const op of [...ALL, ...READS])
    for (const f of facts) assert.equal(authoriseChannel(op, actor(), f), 'channel_not_found', op);
});

test('a public channel is read by its workspace, and written by its members', () => {
  const stranger = { channel: channel(), isMember: false };
  assert.equal(authoriseChannel('post', actor(), stranger), 'not_in_channel');
  assert.equal(authoriseChannel('subscribe', actor(), stranger), 'not_in_channel');
  assert.equal(authoriseChannel('history', actor(), stranger), undefined);
  assert.equal(authoriseChannel('history', actor(BOB, ['guest']), stranger), 'channel_not_found');
  assert.equal(authoriseChannel('join', actor(), stranger), undefined);
  assert.equal(authoriseChannel('join', actor(BOB, ['guest']), stranger), 'restricted_action');
  assert.equal(authoriseChannel('post', actor(), { channel: channel(), isMember: true }), undefined);
  const archived = { channel: channel({ isArchived: true }), isMember: true };
  assert.equal(authoriseChannel('post', actor(), archived), 'is_archived');
});

test('members of a DM are fixed', () => {
  for (const kind of ['D', 'G'] as const) {
    const dm = { channel: channel({ id: topicId(kind, 5n), isPrivate: true }), isMember: true };
    for (const op of ['join', 'leave', 'invite', 'kick'] as const)
      assert.equal(authoriseChannel(op, actor(), dm), 'method_not_supported_for_channel_type');
    assert.equal(authoriseChannel('post', actor(), dm), undefined);
  }
});

test('kick: from a private channel a member, from a public one who runs it', () => {
  const open = { channel: channel(), isMember: true };
  assert.equal(authoriseChannel('kick', actor(BOB), open), 'restricted_action');
  assert.equal(authoriseChannel('kick', actor(ADA), open), undefined);
  assert.equal(authoriseChannel('kick', actor(BOB, ['admin']), open), undefined);
  const closed = { channel: channel({ isPrivate: true }), isMember: true };
  assert.equal(authoriseChannel('kick', actor(BOB), closed), undefined);
  assert.equal(authoriseChannel('kick', actor(BOB, ['guest']), closed), 'restricted_action');
});

test('messages: edited by the author, deleted by an admin too', () => {
  assert.equal(authoriseMessage('update', actor(BOB, ['admin']), ADA), 'cant_update_message');
  assert.equal(authoriseMessage('delete', actor(BOB), ADA), 'cant_delete_message');
  assert.equal(authoriseMessage('delete', actor(BOB, ['owner']), ADA), undefined);
  assert.equal(authoriseMessage('update', actor(ADA), ADA), undefined);
});

test('user topics are their own; workspace topics their workspace’s; publishing is for the system', () => {
  const own = { id: BOB, home: HERE };
  const other = { id: ADA, home: HERE };
  const team: { id: TopicId; home: string } = { id: HERE, home: HERE };
  const system = { workspace: HERE, user: undefined, roles: [] };
  assert.equal(authoriseOther('subscribe', actor(), own), undefined);
  assert.equal(authoriseOther('subscribe', actor(), other), 'channel_not_found');
  assert.equal(authoriseOther('subscribe', actor(), { ...own, home: undefined }), 'user_not_found');
  assert.equal(authoriseOther('subscribe', actor(), team), undefined);
  assert.equal(
    authoriseOther('subscribe', actor(), { id: workspaceId(2n), home: workspaceId(2n) }),
    'channel_not_found',
  );
  assert.equal(authoriseOther('publish', system, other), undefined);
  assert.equal(authoriseOther('publish', actor(), own), 'restricted_action');
  assert.equal(authoriseOther('post', actor(), own), 'method_not_supported_for_channel_type');
});
