/** The operations that change nothing: answered by the owner, since it alone knows who is a member now. */
import { ChatError } from '../../cells/contract/errors.ts';
import { formatTs, parseTs, type UserId } from '../../cells/contract/ids.ts';
import { LIMITS } from '../protocol/limits.ts';
import type { Actor, Operation, Operations, Request } from '../protocol/operations.ts';
import type { Store } from '../storage/store.ts';
import { authoriseChannel, authoriseOther } from './authorise.ts';
import type { Topic } from './topic.ts';

export type ReadOperation = 'info' | 'members' | 'history' | 'replay';
/** Of payload in one answer, in UTF-16 units: what is larger comes in pages, far below what a link takes as one frame. */
const PAGE_CHARS = 2 * 1024 * 1024;
const READS: readonly string[] = ['info', 'members', 'history', 'replay'] satisfies ReadOperation[];
export const isRead = (op: Operation): op is ReadOperation => READS.includes(op);

/** Throws the ChatError that the asker is to get. */
export async function authorise(topic: Topic, op: Operation, actor: Actor): Promise<void> {
  if (!topic.isChannel) {
    const home = await topic.homeFor(actor.workspace);
    const code = authoriseOther(op, actor, { id: topic.topic, home });
    if (code !== undefined) throw new ChatError(code);
    return;
  }
  const channel = await topic.channelOf(actor.workspace);
  const { user } = actor;
  if (channel !== undefined && user !== undefined) await topic.members.lookUp([user]);
  const isMember = user !== undefined && topic.isMember(user) === true;
  const code = authoriseChannel(op, actor, { channel, isMember });
  if (code !== undefined) throw new ChatError(code);
}

export async function read(
  topic: Topic,
  request: Request<ReadOperation>,
  store: Store,
): Promise<Operations[ReadOperation]['result']> {
  await topic.loaded;
  await authorise(topic, request.op, request.actor);
  switch (request.op) {
    case 'info':
      return info(topic, request.actor.user);
    case 'members':
      return members(topic, request.args as Operations['members']['args'], store);
    case 'history':
      return history(topic, request as Request<'history'>, store);
    case 'replay':
      return replay(topic, request.args as Operations['replay']['args'], store);
    default:
      throw new ChatError('unknown_method', { method: request.op });
  }
}

function info(topic: Topic, user: UserId | undefined): Operations['info']['result'] {
  const { channel } = topic;
  if (channel === undefined) throw new ChatError('method_not_supported_for_channel_type');
  return { channel, isMember: user !== undefined && topic.isMember(user) === true, head: topic.head.seq };
}

async function members(
  topic: Topic,
  { after, limit }: Operations['members']['args'],
  store: Store,
): Promise<Operations['members']['result']> {
  const users = await store.log.members(topic.topic, { ...(after === undefined ? {} : { after }), limit: limit + 1 });
  return { users: users.slice(0, limit), more: users.length > limit };
}

async function history(
  topic: Topic,
  { args, actor }: Request<'history'>,
  store: Store,
): Promise<Operations['history']['result']> {
  const { inclusive, limit } = args as Operations['history']['args'];
  const bound = (name: 'oldest' | 'latest'): bigint | undefined => {
    const text = (args as Operations['history']['args'])[name];
    if (text === undefined) return undefined;
    const ts = parseTs(text);
    if (ts === undefined) throw new ChatError(name === 'oldest' ? 'invalid_ts_oldest' : 'invalid_ts_latest');
    return ts;
  };
  const oldest = bound('oldest');
  const until = bound('latest');
  // Not beyond the head: a stale owner's memberships are right up to there, and no further.
  const end = inclusive ? topic.head.ts : topic.head.ts + 1n;
  const latest = until === undefined || until > end ? end : until;
  const rows = await store.log.history(actor.workspace, topic.topic, {
    ...(oldest === undefined ? {} : { oldest }),
    latest,
    inclusive,
    limit: limit + 1,
  });
  const page = fitting(rows.slice(0, limit));
  const messages = page.map((m) => ({ seq: m.seq, ts: formatTs(m.ts), payload: m.payload }));
  return { messages, more: rows.length > page.length };
}

async function replay(
  topic: Topic,
  { afterSeq, upTo, limit }: Operations['replay']['args'],
  store: Store,
): Promise<Operations['replay']['result']> {
  const rows = await store.log.read(topic.topic, afterSeq, Math.min(limit, LIMITS.replayEvents));
  // Not beyond the head: a stale owner's memberships are right up to there, and no further.
  const last = Math.min(upTo, topic.head.seq);
  const page = fitting(rows.filter((row) => row.seq <= last));
  return { events: page.map(({ seq, payload }) => ({ seq, payload })), oldest: 1 };
}

/** The first of these rows that fit into an answer, at least one. */
function fitting<R extends { payload: string }>(rows: readonly R[]): readonly R[] {
  let chars = 0;
  const end = rows.findIndex((row, i) => {
    chars += row.payload.length;
    return i > 0 && chars > PAGE_CHARS;
  });
  return end === -1 ? rows : rows.slice(0, end);
}
