/** Opens the DM or group DM of a set of users: one channel a set, whoever opens it first and however many do at once. */
import { ChatError } from '../../cells/contract/errors.ts';
import { topicId, type UserId } from '../../cells/contract/ids.ts';
import type { ChannelRow } from '../storage/store.ts';
import type { ApiContext } from './method.ts';
import { dmName } from './shapes.ts';

/** Slack's: a group DM has at most nine people, oneself included. */
const MAX_OTHERS = 8;

export interface OpenedDm {
  channel: ChannelRow;
  /** It was there before. */
  alreadyOpen: boolean;
}

/**
 * `others` need not name the caller. Rejects with `user_not_found`, `user_disabled`, `too_many_users`, and with
 * `channel_not_found` when there is none and `preventCreation` is set.
 */
export async function openDm(
  context: ApiContext,
  others: readonly UserId[],
  options: { preventCreation: boolean },
): Promise<OpenedDm> {
  const { services, me } = context;
  const { directory, log } = services.store;
  const users = [...new Set([me.id, ...others])];
  if (users.length > MAX_OTHERS + 1) throw new ChatError('too_many_users', { max: MAX_OTHERS });
  const rows = await directory.users(me.workspace, users);
  for (const user of users) {
    const row = rows.get(user);
    if (row === undefined) throw new ChatError('user_not_found');
    if (row.deleted) throw new ChatError('user_disabled');
  }
  if (options.preventCreation) {
    const name = dmName(users);
    const found = (await directory.memberships(me.workspace, me.id)).find(({ channel }) => channel.name === name);
    if (found === undefined) throw new ChatError('channel_not_found');
    return { channel: found.channel, alreadyOpen: true };
  }
  const fresh = topicId(users.length > 2 ? 'G' : 'D', services.ids.next());
  const id = await directory.reserveDm(me.workspace, users, fresh);
  const existing = id === fresh ? undefined : await log.channel(me.workspace, id);
  if (existing !== undefined) return { channel: existing, alreadyOpen: true };
  // Reserved, and never made (or not yet): whoever comes makes it, under the id that was reserved.
  const channel: ChannelRow = {
    id,
    workspace: me.workspace,
    name: dmName(users),
    isPrivate: true,
    isArchived: false,
    creator: me.id,
    created: Math.floor(services.clock.wallMs() / 1000),
  };
  const { created } = await context.call(id, 'create', { channel, members: users });
  return { channel, alreadyOpen: !created };
}
