/** Who may do what with a topic. Pure: the facts are passed in, read by the owner itself and never by a cache elsewhere. */
import type { ErrorCode } from '../../cells/contract/errors.ts';
import { kindOf, type UserId } from '../../cells/contract/ids.ts';
import type { Actor, Operation } from '../protocol/operations.ts';
import type { ChannelRow } from '../storage/store.ts';

export interface ChannelFacts {
  /** Undefined: there is none in the actor's workspace. */
  channel: ChannelRow | undefined;
  /** Whether `actor.user` is a member. */
  isMember: boolean;
}

const isGuest = (actor: Actor): boolean => actor.roles.includes('guest');
const isAdmin = (actor: Actor): boolean => actor.roles.includes('admin') || actor.roles.includes('owner');
const isDirect = (channel: ChannelRow): boolean => kindOf(channel.id) !== 'C';

/**
 * Undefined when the actor may. What a private channel's non-member hears is what anyone hears of an id that does not
 * exist or is of another workspace.
 */
export function authoriseChannel(op: Operation, actor: Actor, facts: ChannelFacts): ErrorCode | undefined {
  const { channel, isMember } = facts;
  if (channel === undefined || channel.workspace !== actor.workspace || actor.user === undefined)
    return 'channel_not_found';
  if (channel.isPrivate && !isMember) return 'channel_not_found';
  switch (op) {
    case 'post':
    case 'update':
    case 'delete':
      if (!isMember) return 'not_in_channel';
      return channel.isArchived ? 'is_archived' : undefined;
    case 'join':
    case 'leave':
    case 'invite':
    case 'kick':
      return authoriseMembership(op, actor, channel, isMember);
    case 'typing':
    case 'subscribe':
      return isMember ? undefined : 'not_in_channel';
    case 'info':
    case 'members':
    case 'history':
    case 'replay':
      return isMember || !isGuest(actor) ? undefined : 'channel_not_found';
    default:
      return 'unknown_method';
  }
}

function authoriseMembership(
  op: 'join' | 'leave' | 'invite' | 'kick',
  actor: Actor,
  channel: ChannelRow,
  isMember: boolean,
): ErrorCode | undefined {
  if (isDirect(channel)) return 'method_not_supported_for_channel_type';
  if (op === 'leave') return undefined;
  if (channel.isArchived) return 'is_archived';
  if (op === 'join') return isGuest(actor) && !isMember ? 'restricted_action' : undefined;
  if (!isMember) return 'not_in_channel';
  if (isGuest(actor)) return 'restricted_action';
  // As at Slack: from a public channel only who runs it removes people.
  if (op === 'kick' && !channel.isPrivate && channel.creator !== actor.user && !isAdmin(actor))
    return 'restricted_action';
  return undefined;
}

/** An edit is its author's alone; a delete also an admin's. */
export function authoriseMessage(op: 'update' | 'delete', actor: Actor, author: UserId): ErrorCode | undefined {
  if (actor.user === author) return undefined;
  if (op === 'update') return 'cant_update_message';
  return isAdmin(actor) ? undefined : 'cant_delete_message';
}

/**
 * User and workspace topics: reads by the user itself, and by anyone of the workspace. `home` is the workspace that the
 * topic belongs to, undefined when the actor's has no such user.
 */
export function authoriseOther(
  op: Operation,
  actor: Actor,
  topic: { id: string; home: string | undefined },
): ErrorCode | undefined {
  if (topic.home !== actor.workspace) return kindOf(topic.id) === 'U' ? 'user_not_found' : 'channel_not_found';
  if (op === 'publish') return actor.user === undefined ? undefined : 'restricted_action';
  if (op !== 'subscribe' && op !== 'replay' && op !== 'info') return 'method_not_supported_for_channel_type';
  if (actor.user === undefined) return 'channel_not_found';
  if (kindOf(topic.id) === 'U' && topic.id !== actor.user) return 'channel_not_found';
  return undefined;
}
