/**
 * The channels that a user may see, in pages: first the user's own (private ones and DMs, from the workspace's
 * projection), then the public ones, each ordered by id. A guest sees only channels that it is in.
 */
import { isChannelId, kindOf, type TopicId } from '../../cells/contract/ids.ts';
import type { ChannelRow } from '../storage/store.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import type { ApiContext, Result } from './method.ts';
import { channelShape } from './shapes.ts';

export const CHANNEL_TYPES = ['public_channel', 'private_channel', 'mpim', 'im'] as const;
export type ChannelType = (typeof CHANNEL_TYPES)[number];

export interface ConversationQuery {
  types: ReadonlySet<ChannelType>;
  excludeArchived: boolean;
  limit: number;
  cursor: string | undefined;
}

interface Position {
  phase: 'own' | 'public';
  after: TopicId | undefined;
}

export function typeOf(channel: ChannelRow): ChannelType {
  switch (kindOf(channel.id)) {
    case 'D':
      return 'im';
    case 'G':
      return 'mpim';
    default:
      return channel.isPrivate ? 'private_channel' : 'public_channel';
  }
}

export async function listConversations(
  context: ApiContext,
  query: ConversationQuery,
): Promise<{ channels: Result[]; next: string }> {
  const { me, actor } = context;
  const memberships = await context.services.store.directory.memberships(me.workspace, me.id);
  const mine = new Set(memberships.map(({ channel }) => channel.id));
  const isGuest = actor.roles.includes('guest');
  const wanted = (channel: ChannelRow): boolean =>
    query.types.has(typeOf(channel)) && !(query.excludeArchived && channel.isArchived);
  const own = memberships
    .map(({ channel }) => channel)
    .filter((channel) => wanted(channel) && (isGuest || typeOf(channel) !== 'public_channel'))
    .sort((a, b) => (a.id < b.id ? -1 : 1));

  const from = positionOf(query.cursor);
  const found: ChannelRow[] = [];
  if (from.phase === 'own') found.push(...own.filter(({ id }) => from.after === undefined || id > from.after));
  if (found.length <= query.limit && query.types.has('public_channel') && !isGuest) {
    const after = from.phase === 'public' ? from.after : undefined;
    found.push(...(await publicChannels(context, after, query.limit + 1 - found.length, wanted)));
  }
  const page = found.slice(0, query.limit);
  const last = page.at(-1);
  const phase = last !== undefined && typeOf(last) === 'public_channel' && !isGuest ? 'public' : 'own';
  return {
    channels: page.map((channel) => channelShape(channel, me.id, mine.has(channel.id))),
    next: found.length > page.length && last !== undefined ? encodeCursor(phase, last.id) : '',
  };
}

/** The next `count` that are wanted: several reads when many are not. */
async function publicChannels(
  context: ApiContext,
  start: TopicId | undefined,
  count: number,
  wanted: (channel: ChannelRow) => boolean,
): Promise<ChannelRow[]> {
  const found: ChannelRow[] = [];
  let after = start;
  for (;;) {
    const page = await context.services.store.directory.listChannels(context.me.workspace, {
      limit: count,
      ...(after === undefined ? {} : { after }),
    });
    found.push(...page.filter(wanted));
    after = page.at(-1)?.id;
    if (found.length >= count || page.length < count || after === undefined) return found.slice(0, count);
  }
}

function positionOf(cursor: string | undefined): Position {
  if (cursor === undefined) return { phase: 'own', after: undefined };
  const check = (id: string): TopicId | undefined => (isChannelId(id) ? id : undefined);
  const phase = Buffer.from(cursor, 'base64').toString().startsWith('public:') ? 'public' : 'own';
  return { phase, after: decodeCursor(phase, cursor, check) };
}
