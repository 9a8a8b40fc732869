/** conversations.*: what makes, finds and describes channels. */
import { ChatError } from '../../../cells/contract/errors.ts';
import { isUserId, kindOf, type UserId } from '../../../cells/contract/ids.ts';
import { boolean, channel, list, optional, pageSize, string } from '../arguments.ts';
import { channelName } from '../channel-name.ts';
import { decodeCursor, encodeCursor, nextCursor } from '../cursor.ts';
import { CHANNEL_TYPES, type ChannelType, listConversations } from '../list-conversations.ts';
import { type ApiContext, method } from '../method.ts';
import { openDm } from '../open-dm.ts';
import { createChannel } from '../reserve-channel.ts';
import { channelShape } from '../shapes.ts';

const cursor = optional(string('next_cursor of the page before.'));

export const create = method({
  doc: 'Makes a channel; the caller is its first member.',
  limited: true,
  args: {
    name: string('1–80 lower-case letters, digits, - and _; unique in the workspace.'),
    is_private: optional(boolean('Whether only members can see it.'), false),
  },
  async handle(context, args) {
    const name = channelName(args.name);
    if (context.actor.roles.includes('guest')) throw new ChatError('restricted_action');
    const made = await createChannel(context, name, args.is_private);
    return { channel: channelShape(made, context.me.id, true) };
  },
});

export const listMethod = method({
  doc: 'Lists the channels that the caller may see.',
  args: {
    types: optional(list('Any of public_channel, private_channel, mpim, im. Default public_channel.'), [
      'public_channel',
    ]),
    exclude_archived: optional(boolean('Leaves archived channels out.'), false),
    limit: pageSize(1000, 100),
    cursor,
  },
  async handle(context, args) {
    const types = args.types.filter((type): type is ChannelType => CHANNEL_TYPES.includes(type as ChannelType));
    if (types.length !== args.types.length) throw new ChatError('invalid_types');
    const page = await listConversations(context, {
      types: new Set(types),
      excludeArchived: args.exclude_archived,
      limit: args.limit,
      cursor: args.cursor,
    });
    return { channels: page.channels, ...nextCursor(page.next) };
  },
});

export const info = method({
  doc: 'Describes one channel; `seq` is that of its last event.',
  args: {
    channel: channel('Channel id.'),
    include_num_members: optional(boolean('Adds num_members, counted.'), false),
  },
  async handle(context, args) {
    const { channel: row, isMember, head } = await context.call(args.channel, 'info', {});
    const count = args.include_num_members ? { num_members: await countMembers(context, args.channel) } : {};
    return { channel: { ...channelShape(row, context.me.id, isMember), seq: head, ...count } };
  },
});

async function countMembers(context: ApiContext, topic: Parameters<ApiContext['call']>[0]): Promise<number> {
  let count = 0;
  let after: UserId | undefined;
  for (;;) {
    const page = await context.call(topic, 'members', { limit: 1000, ...(after === undefined ? {} : { after }) });
    count += page.users.length;
    after = page.users.at(-1);
    if (!page.more || after === undefined) return count;
  }
}

export const members = method({
  doc: 'Lists the ids of the members of a channel.',
  args: { channel: channel('Channel id.'), limit: pageSize(1000, 100), cursor },
  async handle(context, args) {
    const after =
      args.cursor === undefined ? undefined : decodeCursor('user', args.cursor, (v) => (isUserId(v) ? v : undefined));
    const { users, more } = await context.call(args.channel, 'members', {
      limit: args.limit,
      ...(after === undefined ? {} : { after }),
    });
    const last = users.at(-1);
    return { members: users, ...nextCursor(more && last !== undefined ? encodeCursor('user', last) : '') };
  },
});

export const open = method({
  doc: 'Opens the DM with one user, or the group DM with up to eight.',
  limited: true,
  args: {
    users: optional(list('User ids.')),
    channel: optional(channel('Id of a DM, instead of users.')),
    prevent_creation: optional(boolean('Finds a DM that is there; makes none.'), false),
    return_im: optional(boolean('Answers with the whole channel, not only its id.'), false),
  },
  async handle(context, args) {
    const opened =
      args.channel === undefined
        ? await openDm(context, userIds(args.users), { preventCreation: args.prevent_creation })
        : { channel: (await context.call(args.channel, 'info', {})).channel, alreadyOpen: true };
    const { channel: row, alreadyOpen } = opened;
    if (!'DG'.includes(kindOf(row.id))) throw new ChatError('method_not_supported_for_channel_type');
    return {
      ...(alreadyOpen ? { no_op: true, already_open: true } : {}),
      channel: args.return_im ? channelShape(row, context.me.id, true) : { id: row.id },
    };
  },
});

function userIds(users: readonly string[] | undefined): UserId[] {
  if (users === undefined) throw new ChatError('users_list_not_supplied');
  if (users.length === 0) throw new ChatError('not_enough_users');
  return users.map((id) => {
    if (!isUserId(id)) throw new ChatError('user_not_found');
    return id;
  });
}
