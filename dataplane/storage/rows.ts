/** Rows of the tables as values of the interface. Pure. */
import { type IdKind, numberOf, type TopicId, topicId, userId, workspaceId } from '../../cells/contract/ids.ts';
import {
  bigintOf,
  flagOf,
  numberColumn,
  optionalText,
  type Param,
  type Row,
  textOf,
} from '../../cells/contract/sql/database.ts';
import type { ChannelRow, EventType, MessageRow, StoredEvent, UserRow } from './store.ts';

export const EVENT_COLUMNS = [
  'seq',
  'epoch',
  'workspace_id',
  'ts',
  'type',
  'user_id',
  'client_key',
  'payload',
] as const;

/** `topic` is known to the reader; a row holds only its number. */
export const eventOf = (topic: TopicId, row: Row): StoredEvent => ({
  topic,
  workspace: workspaceId(bigintOf(row.workspace_id)),
  seq: numberColumn(row.seq),
  epoch: numberColumn(row.epoch),
  ts: bigintOf(row.ts),
  type: textOf(row.type) as EventType,
  user: row.user_id === null ? undefined : userId(bigintOf(row.user_id)),
  clientKey: optionalText(row.client_key),
  payload: textOf(row.payload),
});

export const MESSAGE_COLUMNS = ['seq', 'ts', 'user_id', 'client_key', 'payload'] as const;

export const messageOf = (topic: TopicId, row: Row): MessageRow => ({
  topic,
  seq: numberColumn(row.seq),
  ts: bigintOf(row.ts),
  user: userId(bigintOf(row.user_id)),
  clientKey: optionalText(row.client_key),
  payload: textOf(row.payload),
});

/** Columns of a channel, in `channels` and in `workspace_channels`. */
export const CHANNEL_COLUMNS = [
  'workspace_id',
  'topic_id',
  'seq',
  'kind',
  'name',
  'is_private',
  'is_archived',
  'creator_id',
  'created',
] as const;

export const channelValues = (channel: ChannelRow, seq: number): Param[] => [
  numberOf(channel.workspace),
  numberOf(channel.id),
  seq,
  channel.id.slice(0, 1),
  channel.name,
  channel.isPrivate ? 1 : 0,
  channel.isArchived ? 1 : 0,
  numberOf(channel.creator),
  channel.created,
];

export const topicOf = (kind: unknown, number: unknown): TopicId => topicId(textOf(kind) as IdKind, bigintOf(number));

export const channelOf = (row: Row): ChannelRow => ({
  id: topicOf(row.kind, row.topic_id),
  workspace: workspaceId(bigintOf(row.workspace_id)),
  name: textOf(row.name),
  isPrivate: flagOf(row.is_private),
  isArchived: flagOf(row.is_archived),
  creator: userId(bigintOf(row.creator_id)),
  created: numberColumn(row.created),
});

export const USER_COLUMNS = ['workspace_id', 'user_id', 'name', 'email', 'roles', 'deleted'] as const;

export const userValues = (user: UserRow): Param[] => [
  numberOf(user.workspace),
  numberOf(user.id),
  user.name,
  user.email ?? null,
  JSON.stringify(user.roles),
  user.deleted ? 1 : 0,
];

export const userOf = (row: Row): UserRow => ({
  id: userId(bigintOf(row.user_id)),
  workspace: workspaceId(bigintOf(row.workspace_id)),
  name: textOf(row.name),
  email: optionalText(row.email),
  roles: JSON.parse(textOf(row.roles)) as string[],
  deleted: flagOf(row.deleted),
});
