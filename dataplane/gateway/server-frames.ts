/** The frames that the gateway itself makes. Pure. */
import { ChatError, type ErrorCode } from '../../cells/contract/errors.ts';
import type { TopicId } from '../../cells/contract/ids.ts';
import { slackUser } from '../auth/users.ts';
import type { ChannelRow, UserRow } from '../storage/store.ts';
import type { FrameId } from './client-frame.ts';
import { OutFrame } from './out-frame.ts';

export type GoodbyeReason = 'drain' | 'shutdown' | 'refresh';

export const hello = (session: string, resumeToken: string, heartbeatMs: number): OutFrame =>
  OutFrame.of({ type: 'hello', session_id: session, resume_token: resumeToken, heartbeat_ms: heartbeatMs });

export const goodbye = (reason: GoodbyeReason, reconnectInMs: number, resumeToken: string): OutFrame =>
  OutFrame.of({ type: 'goodbye', reason, reconnect_in_ms: reconnectInMs, resume_token: resumeToken });

export const postAck = (id: FrameId | undefined, posted: { ts: string; seq: number }): OutFrame =>
  OutFrame.of({ ok: true, ...replyTo(id), ts: posted.ts, seq: posted.seq });

export const ok = (id: FrameId | undefined, extra: Record<string, unknown> = {}): OutFrame =>
  OutFrame.of({ ok: true, ...replyTo(id), ...extra });

export const pong = (id: FrameId | undefined, echo: Record<string, unknown>): OutFrame =>
  OutFrame.of({ ...echo, type: 'pong', ...replyTo(id) });

/** The answer to a frame with an id; without one, an `error` event. */
export function failure(id: FrameId | undefined, code: ErrorCode): OutFrame {
  const error = { code, msg: new ChatError(code).message };
  return OutFrame.of(id === undefined ? { type: 'error', error } : { ok: false, ...replyTo(id), error });
}

export const channelLeft = (channel: TopicId): OutFrame => OutFrame.of({ type: 'channel_left', channel });

/** `oldest` and `latest` are for conversations.history: messages after the one, up to and with the other. */
export const gap = (
  channel: TopicId,
  bounds: { oldest: string; latest: string; oldestSeq: number; latestSeq: number },
): OutFrame =>
  OutFrame.of({
    type: 'gap',
    channel,
    oldest: bounds.oldest,
    latest: bounds.latest,
    oldest_seq: bounds.oldestSeq,
    latest_seq: bounds.latestSeq,
  });

export const resumed = (replayed: number): OutFrame => OutFrame.of({ type: 'resumed', replayed });

export interface BootState {
  self: UserRow;
  team: { id: string; name: string };
  channels: readonly { channel: ChannelRow; head: number }[];
  /** Heads of the user's and the workspace's topics. */
  topics: Record<string, number>;
}

export const boot = (state: BootState): OutFrame =>
  OutFrame.of({
    type: 'boot',
    self: slackUser(state.self),
    team: state.team,
    channels: state.channels.map(({ channel, head }) => ({
      id: channel.id,
      name: channel.name,
      is_private: channel.isPrivate,
      is_archived: channel.isArchived,
      is_im: channel.id.startsWith('D'),
      is_mpim: channel.id.startsWith('G'),
      creator: channel.creator,
      created: channel.created,
      seq: head,
    })),
    topics: state.topics,
  });

const replyTo = (id: FrameId | undefined): { reply_to?: FrameId } => (id === undefined ? {} : { reply_to: id });
