/** What clients send: parsed and checked here, once, into a type that the rest can trust. Pure. */
import type { ErrorCode } from '../../cells/contract/errors.ts';
import { idNumber, isChannelId, isUserId, type TopicId, type UserId } from '../../cells/contract/ids.ts';
import { CLIENT_MSG_ID, LIMITS } from '../protocol/limits.ts';

/** Echoed as `reply_to`. */
export type FrameId = number | string;

export interface PostFrame {
  type: 'message';
  id: FrameId | undefined;
  channel: TopicId;
  text: string;
  clientMsgId: string | undefined;
  threadTs: string | undefined;
  traceparent: string | undefined;
}

export type ClientFrame =
  | PostFrame
  | { type: 'typing'; id: FrameId | undefined; channel: TopicId }
  | { type: 'ping'; id: FrameId | undefined; echo: Record<string, unknown> }
  | { type: 'presence_sub'; id: FrameId | undefined; users: UserId[] }
  | { type: 'presence_query'; id: FrameId | undefined; users: UserId[] }
  | { type: 'resume'; token: string; topics: Map<TopicId, number>; more: boolean };

/** `malformed`: counts towards closing the socket; otherwise it is an honest mistake of the application. */
export interface FrameFault {
  type: 'fault';
  id: FrameId | undefined;
  code: ErrorCode;
  malformed: boolean;
}

const MAX_ID_CHARACTERS = 64;
const THREAD_TS = /^\d{1,12}\.\d{1,6}$/;
const MAX_PRESENCE_USERS = 500;

type Fields = Record<string, unknown>;

export function parseClientFrame(data: Buffer, isBinary: boolean): ClientFrame | FrameFault {
  const fields = isBinary ? undefined : parseObject(data);
  if (fields === undefined) return fault(undefined, 'bad_frame', true);
  const id = isFrameId(fields.id) ? fields.id : undefined;
  switch (fields.type) {
    case 'message':
      return parsePost(fields, id);
    case 'typing':
      return isChannelId(fields.channel)
        ? { type: 'typing', id, channel: fields.channel }
        : fault(id, 'channel_not_found', false);
    case 'ping': {
      const { type: _type, id: _id, ...echo } = fields;
      return { type: 'ping', id, echo };
    }
    case 'presence_sub':
    case 'presence_query':
      return parsePresence(fields.type, fields.ids, id);
    case 'resume':
      return parseResume(fields) ?? fault(id, 'bad_frame', true);
    default:
      return fault(id, 'bad_frame', true);
  }
}

function parsePost(fields: Fields, id: FrameId | undefined): PostFrame | FrameFault {
  const { channel, text, client_msg_id: clientMsgId, thread_ts: threadTs, traceparent } = fields;
  if (!isChannelId(channel)) return fault(id, 'channel_not_found', false);
  if (typeof text !== 'string' || text === '') return fault(id, 'no_text', false);
  if (text.length > LIMITS.textCharacters) return fault(id, 'msg_too_long', false);
  if (clientMsgId !== undefined && !(typeof clientMsgId === 'string' && CLIENT_MSG_ID.test(clientMsgId)))
    return fault(id, 'bad_frame', false);
  if (threadTs !== undefined && !(typeof threadTs === 'string' && THREAD_TS.test(threadTs)))
    return fault(id, 'bad_frame', false);
  return {
    type: 'message',
    id,
    channel,
    text,
    clientMsgId,
    threadTs,
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
  };
}

function parsePresence(
  type: 'presence_sub' | 'presence_query',
  ids: unknown,
  id: FrameId | undefined,
): ClientFrame | FrameFault {
  if (!Array.isArray(ids) || ids.length > MAX_PRESENCE_USERS || !ids.every(isUserId))
    return fault(id, 'bad_frame', false);
  return { type, id, users: ids };
}

function parseResume(fields: Fields): ClientFrame | undefined {
  const { token, topics = {}, more = false } = fields;
  if (typeof token !== 'string' || typeof more !== 'boolean' || !isObject(topics)) return undefined;
  const parsed = new Map<TopicId, number>();
  for (const [topic, seq] of Object.entries(topics)) {
    if (!isTopicId(topic) || !Number.isSafeInteger(seq) || (seq as number) < 0) return undefined;
    parsed.set(topic, seq as number);
  }
  return { type: 'resume', token, topics: parsed, more };
}

function parseObject(data: Buffer): Fields | undefined {
  try {
    const value: unknown = JSON.parse(data.toString());
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isFrameId = (id: unknown): id is FrameId =>
  (typeof id === 'number' && Number.isFinite(id)) || (typeof id === 'string' && id.length <= MAX_ID_CHARACTERS);
const isTopicId = (s: string): s is TopicId => s[0] !== 'F' && idNumber(s) !== undefined;
const fault = (id: FrameId | undefined, code: ErrorCode, malformed: boolean): FrameFault => ({
  type: 'fault',
  id,
  code,
  malformed,
});
