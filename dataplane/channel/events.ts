/** The JSON text of every durable event, made once, here. Shapes as in Slack's RTM, plus `seq`. Pure. */
import { formatTs, kindOf, type TopicId, type UserId, userId, type WorkspaceId } from '../../cells/contract/ids.ts';
import type { ChannelRow, EventType } from '../storage/store.ts';

/** Who acts when nobody does: the user of events from the dataplane itself, so that their keys are unique too. */
export const SYSTEM_USER: UserId = userId(0n);

/** Keys beginning with this are the dataplane's own: no client sees them. */
const INTERNAL_KEY = '~';
export const isInternalKey = (clientKey: string): boolean => clientKey.startsWith(INTERNAL_KEY);

/** Where an event stands. */
export interface At {
  topic: TopicId;
  workspace: WorkspaceId;
  seq: number;
  /** Microseconds. */
  ts: bigint;
}

export interface MessageFields {
  user: UserId;
  text: string;
  clientKey: string;
  blocks?: unknown;
  threadTs?: string;
}

export function messageJson(at: At, m: MessageFields): string {
  return JSON.stringify({
    type: 'message',
    channel: at.topic,
    user: m.user,
    text: m.text,
    ts: formatTs(at.ts),
    seq: at.seq,
    client_msg_id: isInternalKey(m.clientKey) ? undefined : m.clientKey,
    team: at.workspace,
    blocks: m.blocks,
    thread_ts: m.threadTs,
  });
}

export interface Edit {
  before: Record<string, unknown>;
  after: Record<string, unknown>;
}

/** A message before and after its edit, which leaves what it does not name. `payload` is the message's JSON text now. */
export function editOf(
  payload: string,
  to: { text: string | undefined; blocks: readonly unknown[] | undefined },
): Edit {
  const before = JSON.parse(payload) as Record<string, unknown>;
  const blocks = to.blocks?.length === 0 ? undefined : (to.blocks ?? before.blocks);
  return { before, after: { ...before, text: to.text ?? before.text, blocks } };
}

/** The message as it reads after the edit, and the event that says so. */
export function editedJson(at: At, { before, after: changed }: Edit, user: UserId): { message: string; event: string } {
  const after = { ...changed, edited: { user, ts: formatTs(at.ts) } };
  return {
    message: JSON.stringify(after),
    event: JSON.stringify({
      type: 'message',
      subtype: 'message_changed',
      hidden: true,
      channel: at.topic,
      ts: formatTs(at.ts),
      event_ts: formatTs(at.ts),
      seq: at.seq,
      team: at.workspace,
      message: after,
      previous_message: before,
    }),
  };
}

/** The event does not repeat the text, and the tombstone that takes the original's place in the log has none. */
export function deletedJson(
  at: At,
  deleted: { ts: bigint; seq: number; author: UserId },
): { tombstone: string; event: string } {
  const common = { type: 'message', channel: at.topic, team: at.workspace };
  return {
    tombstone: JSON.stringify({
      ...common,
      subtype: 'tombstone',
      hidden: true,
      user: deleted.author,
      text: 'This message was deleted.',
      ts: formatTs(deleted.ts),
      seq: deleted.seq,
    }),
    event: JSON.stringify({
      ...common,
      subtype: 'message_deleted',
      hidden: true,
      ts: formatTs(at.ts),
      event_ts: formatTs(at.ts),
      deleted_ts: formatTs(deleted.ts),
      seq: at.seq,
      previous_message: { type: 'message', user: deleted.author, ts: formatTs(deleted.ts) },
    }),
  };
}

/** `by` is the acting user when it is another: the inviter, or who kicked. */
export function memberJson(at: At, change: { user: UserId; joined: boolean; by: UserId | undefined }): string {
  const by = change.by === change.user ? undefined : change.by;
  return JSON.stringify({
    type: change.joined ? 'member_joined_channel' : 'member_left_channel',
    user: change.user,
    channel: at.topic,
    channel_type: kindOf(at.topic),
    team: at.workspace,
    inviter: change.joined ? by : undefined,
    actor: change.joined ? undefined : by,
    ts: formatTs(at.ts),
    event_ts: formatTs(at.ts),
    seq: at.seq,
  });
}

export function channelCreatedJson(at: At, channel: ChannelRow): string {
  return JSON.stringify({
    type: 'channel_created',
    channel: channelObject(channel),
    topic: at.topic,
    team: at.workspace,
    ts: formatTs(at.ts),
    event_ts: formatTs(at.ts),
    seq: at.seq,
  });
}

/**
 * An event of a user's or workspace's topic. As `channel` may then name another topic or be missing, `topic` says which
 * log the seq counts in: an event's topic is `event.topic ?? event.channel`.
 */
export function publishedJson(at: At, type: EventType, event: Record<string, unknown>): string {
  const ts = formatTs(at.ts);
  return JSON.stringify({ ...event, type, topic: at.topic, team: at.workspace, ts, event_ts: ts, seq: at.seq });
}

export function typingJson(topic: TopicId, user: UserId): string {
  return JSON.stringify({ type: 'user_typing', channel: topic, user });
}

/** Slack's channel object, as far as the row knows it. */
export function channelObject(channel: ChannelRow): Record<string, unknown> {
  const kind = kindOf(channel.id);
  return {
    id: channel.id,
    name: channel.name,
    is_channel: kind === 'C',
    is_group: kind === 'C' && channel.isPrivate,
    is_im: kind === 'D',
    is_mpim: kind === 'G',
    is_private: channel.isPrivate,
    is_archived: channel.isArchived,
    creator: channel.creator,
    created: channel.created,
    context_team_id: channel.workspace,
  };
}
