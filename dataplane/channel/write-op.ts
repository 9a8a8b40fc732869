/** One durable operation on its way through a topic's queue, and the look-ups that it needs. */
import { ChatError } from '../../cells/contract/errors.ts';
import { formatTs, parseTs, type UserId } from '../../cells/contract/ids.ts';
import type { Operations, Posted, Request, Response } from '../protocol/operations.ts';
import type { Store, StoredEvent, UserRow } from '../storage/store.ts';
import {
  type DurableOperation,
  type DurableRequest,
  deleteKey,
  type Lookups,
  membersAskedFor,
  usersAskedFor,
} from './decide.ts';
import { SYSTEM_USER } from './events.ts';
import type { Topic } from './topic.ts';

export interface WriteOp extends DurableRequest {
  lookups: Lookups;
  arrivedMs: number;
  /** All look-ups are done. */
  ready: boolean;
  /** How often a batch with it met a conflict. */
  conflicts: number;
  respond(response: Response): void;
}

const NOTHING: Lookups = { users: new Map(), message: undefined, earlier: undefined, home: undefined };

export function writeOp(of: Pick<WriteOp, 'request' | 'trace' | 'arrivedMs' | 'respond' | 'ignoreKey'>): WriteOp {
  return { ...of, lookups: NOTHING, ready: false, conflicts: 0 };
}

/** An edit or delete reads the message: only when nothing before it is still to be written. */
export const readsMessage = (op: WriteOp): boolean => op.request.op === 'update' || op.request.op === 'delete';

const changesMembers: ReadonlySet<DurableOperation> = new Set(['create', 'join', 'leave', 'invite', 'kick']);
/** Operations whose answer waits for their projection: what the caller lists next is then what it just changed. */
export const isProjected = (op: WriteOp): boolean => changesMembers.has(op.request.op);

/** Whether the topic's memory alone decides the operation: the usual case of a post. */
export function knownEnough(op: WriteOp, topic: Topic): boolean {
  if (!topic.isLoaded) return false;
  const { request } = op;
  if (!topic.isChannel) return op.lookups.home !== undefined;
  if (readsMessage(op) || usersAskedFor(request).length > 0) return op.ready && membersKnown(op, topic);
  return topic.channel !== undefined && membersKnown(op, topic);
}

function membersKnown(op: WriteOp, topic: Topic): boolean {
  if (topic.channel === undefined || topic.channel.workspace !== op.request.actor.workspace) return op.ready;
  return membersAskedFor(op.request).every((user) => topic.isMember(user) !== undefined);
}

/** Reads what `decide` needs. Rejects with `store_unavailable`. */
export async function lookUp(op: WriteOp, topic: Topic, store: Store): Promise<void> {
  await topic.loaded;
  const { request } = op;
  const { workspace } = request.actor;
  if (!topic.isChannel) {
    op.lookups = { ...NOTHING, home: await topic.homeFor(workspace) };
    return;
  }
  const channel = await topic.channelOf(workspace);
  const asked = usersAskedFor(request);
  const users: ReadonlyMap<UserId, UserRow> =
    asked.length > 0 ? await store.directory.users(workspace, asked) : new Map();
  op.lookups = { ...NOTHING, users };
  if (channel === undefined) return;
  await topic.members.lookUp(membersAskedFor(request));
  if (readsMessage(op)) op.lookups = { ...op.lookups, ...(await lookUpMessage(request, topic, store)) };
}

async function lookUpMessage(
  request: Request<DurableOperation>,
  topic: Topic,
  store: Store,
): Promise<Pick<Lookups, 'message' | 'earlier'>> {
  const { ts: text } = request.args as Operations['delete']['args'];
  const ts = parseTs(text);
  if (ts === undefined) return { message: undefined, earlier: undefined };
  const message = await store.log.message(request.actor.workspace, topic.topic, ts);
  const user = request.actor.user;
  if (message !== undefined || request.op === 'update' || user === undefined) return { message, earlier: undefined };
  const [deleted] = await store.log.findByClientKey([{ topic: topic.topic, user, clientKey: deleteKey(text) }]);
  return { message, earlier: deleted && postedOf(deleted) };
}

export const postedOf = (event: StoredEvent): Posted => ({
  seq: event.seq,
  ts: formatTs(event.ts),
  duplicate: false,
});

/** The idempotency key under which the operation is stored. */
export function keyOf(op: WriteOp): { user: UserId; clientKey: string } | undefined {
  const { request } = op;
  const { user } = request.actor;
  if (request.op === 'publish')
    return { user: SYSTEM_USER, clientKey: (request.args as Operations['publish']['args']).clientKey };
  if (user === undefined || op.ignoreKey) return undefined;
  if (request.op === 'post') return { user, clientKey: (request.args as Operations['post']['args']).clientKey };
  return undefined;
}

export const internalFailure = (e: unknown): Response => {
  const { code, details } = ChatError.from(e);
  return { ok: false, error: { code, details: code === 'internal_error' ? {} : details } };
};
