/** conversations.join|leave|invite|kick: events in the channel's log, made by its owner. */
import { ChatError } from '../../../cells/contract/errors.ts';
import { isUserId, numberOf, type TopicId, type UserId, userId } from '../../../cells/contract/ids.ts';
import { boolean, channel, list, optional, user } from '../arguments.ts';
import { type ApiContext, method } from '../method.ts';
import { channelShape } from '../shapes.ts';

export const join = method({
  doc: 'Makes the caller a member of a public channel.',
  limited: true,
  args: { channel: channel('Channel id.') },
  async handle(context, args) {
    const { channel: row, alreadyMember } = await context.call(args.channel, 'join', {});
    const shape = channelShape(row, context.me.id, true);
    if (!alreadyMember) return { channel: shape };
    return {
      channel: shape,
      warning: 'already_in_channel',
      response_metadata: { warnings: ['already_in_channel'] },
    };
  },
});

export const leave = method({
  doc: 'Ends the membership of the caller.',
  limited: true,
  args: { channel: channel('Channel id.') },
  async handle(context, args) {
    const { wasMember } = await context.call(args.channel, 'leave', {});
    return wasMember ? {} : { not_in_channel: true };
  },
});

export const invite = method({
  doc: 'Makes others members of a channel that the caller is in. Of several, those who are members already stay so.',
  limited: true,
  args: {
    channel: channel('Channel id.'),
    users: list('User ids, at most 1,000.'),
    force: optional(boolean('Invites those who can be, and leaves out the rest.'), false),
  },
  async handle(context, args) {
    const users = await invitees(context, args.users, args.force);
    const [only] = users.length === 1 ? users : [];
    const wasMember = only !== undefined && (await isMember(context, args.channel, only));
    const { channel: row } = await context.call(args.channel, 'invite', { users });
    if (wasMember) throw new ChatError('already_in_channel');
    return { channel: channelShape(row, context.me.id, true) };
  },
});

/** Those of the same workspace: an id of another is answered like one that does not exist. */
async function invitees(context: ApiContext, ids: readonly string[], force: boolean): Promise<UserId[]> {
  const { me, services } = context;
  const asked = [...new Set(ids)].filter(isUserId);
  const known = await services.store.directory.users(me.workspace, asked);
  const fit = asked.filter((id) => id !== me.id && known.get(id)?.deleted === false);
  if (!force || fit.length === 0) {
    if (ids.length === 0) throw new ChatError('invalid_arguments', { argument: 'users', problem: 'is empty' });
    if (asked.includes(me.id)) throw new ChatError('cant_invite_self');
    if (fit.length < new Set(ids).size) throw new ChatError('user_not_found');
  }
  return fit;
}

/**
 * As the channel's owner knows it, asked before the change: the change itself may be tried again on its way, and does
 * not say whether it was the first.
 */
async function isMember(context: ApiContext, channel: TopicId, user: UserId): Promise<boolean> {
  const number = numberOf(user);
  const after = number > 0n ? { after: userId(number - 1n) } : {};
  const { users } = await context.call(channel, 'members', { ...after, limit: 1 });
  return users[0] === user;
}

export const kick = method({
  doc: 'Ends the membership of another user, who receives nothing after it.',
  limited: true,
  args: { channel: channel('Channel id.'), user: user('User id.') },
  async handle(context, args) {
    if (args.user === context.me.id) throw new ChatError('cant_kick_self');
    const wasMember = await isMember(context, args.channel, args.user);
    await context.call(args.channel, 'kick', { user: args.user });
    if (!wasMember) throw new ChatError('not_in_channel');
    return { errors: {} };
  },
});
