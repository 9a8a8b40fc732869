/** Slack's shapes of channels and users, from our rows. Pure. */
import { kindOf, type UserId } from '../../cells/contract/ids.ts';
import { slackUser } from '../auth/users.ts';
import type { ChannelRow, UserRow } from '../storage/store.ts';
import type { Result } from './method.ts';

/**
 * The name in a DM's row is made of its members' ids: unique, stable, and a list of DMs needs no further reading. It
 * cannot be that of a channel, whose names have no capitals.
 */
export function dmName(users: readonly UserId[]): string {
  const ids = [...new Set(users)].sort();
  return ids.length > 2 ? `mpdm-${ids.join('--')}-1` : ids.join('-');
}

/** The other member of a 1:1 DM: oneself, when one talks to oneself. */
export function otherMember(channel: ChannelRow, me: UserId): UserId {
  const [first, second] = channel.name.split('-') as UserId[];
  return (first === me ? (second ?? first) : first) ?? channel.creator;
}

export function channelShape(channel: ChannelRow, me: UserId, isMember: boolean): Result {
  const common = {
    id: channel.id,
    created: channel.created,
    updated: channel.created * 1000,
    is_archived: channel.isArchived,
    is_org_shared: false,
    context_team_id: channel.workspace,
  };
  if (kindOf(channel.id) === 'D')
    return { ...common, is_im: true, is_user_deleted: false, user: otherMember(channel, me), priority: 0 };
  const isGroupDm = kindOf(channel.id) === 'G';
  return {
    ...common,
    name: channel.name,
    name_normalized: channel.name,
    is_channel: !isGroupDm,
    is_group: isGroupDm,
    is_im: false,
    is_mpim: isGroupDm,
    is_private: channel.isPrivate || isGroupDm,
    is_general: false,
    is_shared: false,
    is_ext_shared: false,
    is_pending_ext_shared: false,
    pending_shared: [],
    pending_connected_team_ids: [],
    shared_team_ids: [channel.workspace],
    parent_conversation: null,
    previous_names: [],
    unlinked: 0,
    creator: channel.creator,
    is_member: isMember,
    topic: { value: '', creator: '', last_set: 0 },
    purpose: { value: '', creator: '', last_set: 0 },
    priority: 0,
  };
}

/** The events' user object, and the fields that SDKs expect beside it. */
export function userShape(row: UserRow): Result {
  const user = slackUser(row);
  const { real_name, display_name } = user.profile;
  return {
    ...user,
    is_primary_owner: false,
    is_ultra_restricted: false,
    is_app_user: false,
    profile: {
      ...user.profile,
      team: row.workspace,
      real_name_normalized: real_name,
      display_name_normalized: display_name,
    },
  };
}
