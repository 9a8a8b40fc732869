/**
 * What one durable operation does to its topic: the events to write and the answer to give once they are stored. Pure;
 * everything that must be known has been looked up before.
 */
import { assertNever, ChatError, type ErrorCode, type ErrorDetails } from '../../cells/contract/errors.ts';
import { kindOf, type UserId, type WorkspaceId } from '../../cells/contract/ids.ts';
import type { Trace } from '../protocol/frames.ts';
import { LIMITS } from '../protocol/limits.ts';
import type { Operation, Operations, Posted, Request, Response } from '../protocol/operations.ts';
import type { MessageRow, UserRow } from '../storage/store.ts';
import { authoriseChannel, authoriseMessage, authoriseOther } from './authorise.ts';
import type { Draft } from './draft.ts';
import {
  channelCreatedJson,
  deletedJson,
  editedJson,
  editOf,
  memberJson,
  messageJson,
  publishedJson,
  SYSTEM_USER,
} from './events.ts';

export const DURABLE = ['create', 'post', 'update', 'delete', 'join', 'leave', 'invite', 'kick', 'publish'] as const;
export type DurableOperation = (typeof DURABLE)[number];
export const isDurable = (op: Operation): op is DurableOperation => (DURABLE as readonly string[]).includes(op);

/** What was read for the operation. */
export interface Lookups {
  /** Users named by the operation, as the directory knows them. */
  users: ReadonlyMap<UserId, UserRow>;
  /** The message that is edited or deleted; undefined when there is none. */
  message: MessageRow | undefined;
  /** An earlier result of the same delete, or under the same key. */
  earlier: Posted | undefined;
  /** The workspace that a U or T topic belongs to; undefined when the actor's has no such user. */
  home: WorkspaceId | undefined;
}

export interface DurableRequest {
  request: Request<DurableOperation>;
  trace: Trace | undefined;
  lookups: Lookups;
  /** Only as a planted bug: see plants.ts, retry-twice. */
  ignoreKey?: boolean;
}

/** Adds the operation's events to the draft and returns the answer to be given after the commit. */
export function decide(draft: Draft, durable: DurableRequest): Response {
  try {
    return { ok: true, result: new Decision(draft, durable).result() };
  } catch (e: unknown) {
    const error = ChatError.from(e);
    if (error.code === 'internal_error') throw e;
    return failure(error.code, error.details);
  }
}

export const failure = (code: ErrorCode, details: ErrorDetails = {}): Response => ({
  ok: false,
  error: { code, details },
});

const raise = (code: ErrorCode | undefined): void => {
  if (code !== undefined) throw new ChatError(code);
};

/** The key under which a delete is stored, so that its retry is known for one. */
export const deleteKey = (ts: string): string => `~delete:${ts}`;

class Decision {
  readonly #draft: Draft;
  readonly #request: Request<DurableOperation>;
  readonly #trace: Trace | undefined;
  readonly #lookups: Lookups;
  readonly #ignoreKey: boolean;

  constructor(draft: Draft, durable: DurableRequest) {
    this.#draft = draft;
    this.#request = durable.request;
    this.#trace = durable.trace;
    this.#lookups = durable.lookups;
    this.#ignoreKey = durable.ignoreKey ?? false;
  }

  result(): Operations[DurableOperation]['result'] {
    const { op, actor } = this.#request;
    const topic = this.#draft.topic;
    if (kindOf(topic) === 'U' || kindOf(topic) === 'T') {
      raise(authoriseOther(op, actor, { id: topic, home: this.#lookups.home }));
      return this.#publish(this.#args('publish'));
    }
    if (op === 'create') return this.#create(this.#args('create'));
    const isMember = actor.user !== undefined && this.#draft.isMember(actor.user);
    raise(authoriseChannel(op, actor, { channel: this.#draft.channel, isMember }));
    switch (op) {
      case 'post':
        return this.#post(this.#args('post'));
      case 'update':
        return this.#update(this.#args('update'));
      case 'delete':
        return this.#delete(this.#args('delete'));
      case 'join':
        return { alreadyMember: !this.#setMember(this.#actor, true), channel: this.#draft.channel! };
      case 'leave':
        return { wasMember: this.#setMember(this.#actor, false) };
      case 'invite':
        return this.#invite(this.#args('invite'));
      case 'kick':
        return this.#kick(this.#args('kick'));
      case 'publish':
        throw new ChatError('method_not_supported_for_channel_type');
      default:
        return assertNever(op);
    }
  }

  #args<O extends DurableOperation>(_op: O): Operations[O]['args'] {
    return this.#request.args as Operations[O]['args'];
  }

  get #actor(): UserId {
    return this.#request.actor.user!;
  }

  get #workspace(): WorkspaceId {
    return this.#request.actor.workspace;
  }

  #create({ channel, members }: Operations['create']['args']): Operations['create']['result'] {
    const existing = this.#draft.channel;
    if (existing !== undefined) {
      if (existing.workspace !== this.#workspace) throw new ChatError('channel_not_found');
      return { created: false };
    }
    if (channel.id !== this.#draft.topic || channel.workspace !== this.#workspace)
      throw new ChatError('invalid_arguments', { argument: 'channel', problem: 'is not of this topic and workspace' });
    const users = [...new Set([channel.creator, ...members])];
    for (const user of users) this.#mustExist(user);
    this.#draft.add(this.#workspace, {
      type: 'channel_created',
      user: channel.creator,
      trace: this.#trace,
      build: (at) => ({ payload: channelCreatedJson(at, channel), projection: { kind: 'channel', channel } }),
    });
    for (const user of users) this.#setMember(user, true);
    return { created: true };
  }

  #post(args: Operations['post']['args']): Posted {
    const duplicate = this.#ignoreKey ? undefined : this.#earlier(this.#actor, args.clientKey);
    if (duplicate !== undefined) return duplicate;
    if (args.clientKey.length > LIMITS.clientMsgIdCharacters)
      throw new ChatError('invalid_arguments', { argument: 'client_msg_id', problem: 'is longer than 255 characters' });
    if (args.text === '' && args.blocks === undefined) throw new ChatError('no_text');
    if (args.text.length > LIMITS.textCharacters) throw new ChatError('msg_too_long');
    return this.#draft.add(this.#workspace, {
      type: 'message',
      user: this.#actor,
      ...(this.#ignoreKey ? {} : { clientKey: args.clientKey }),
      trace: this.#trace,
      build: (at) => ({
        payload: messageJson(at, { user: this.#actor, ...args }),
        projection: { kind: 'message', ts: at.ts },
      }),
    });
  }

  #update({ ts, text, blocks }: Operations['update']['args']): Posted {
    const message = this.#lookups.message;
    if (message === undefined) throw new ChatError('message_not_found');
    raise(authoriseMessage('update', this.#request.actor, message.user));
    if (text === '' || (text === undefined && blocks === undefined)) throw new ChatError('no_text');
    if ((text ?? '').length > LIMITS.textCharacters) throw new ChatError('msg_too_long');
    const edit = editOf(message.payload, { text, blocks });
    // An edit that changes nothing is the retry of one that was made.
    if (JSON.stringify(edit.after) === JSON.stringify(edit.before)) return { seq: message.seq, ts, duplicate: true };
    const { seq } = this.#draft.add(this.#workspace, {
      type: 'message_changed',
      user: this.#actor,
      trace: this.#trace,
      build: (at) => {
        const edited = editedJson(at, edit, this.#actor);
        return { payload: edited.event, projection: { kind: 'edit', ts: message.ts, payload: edited.message } };
      },
    });
    return { seq, ts, duplicate: false };
  }

  #delete({ ts }: Operations['delete']['args']): Posted {
    const message = this.#lookups.message;
    if (message === undefined) {
      if (this.#lookups.earlier !== undefined) return { ...this.#lookups.earlier, ts, duplicate: true };
      throw new ChatError('message_not_found');
    }
    raise(authoriseMessage('delete', this.#request.actor, message.user));
    const { seq } = this.#draft.add(this.#workspace, {
      type: 'message_deleted',
      user: this.#actor,
      clientKey: deleteKey(ts),
      trace: this.#trace,
      build: (at) => {
        const deleted = deletedJson(at, { ts: message.ts, seq: message.seq, author: message.user });
        return { payload: deleted.event, projection: { kind: 'delete', ts: message.ts, tombstone: deleted.tombstone } };
      },
    });
    return { seq, ts, duplicate: false };
  }

  #invite({ users }: Operations['invite']['args']): Operations['invite']['result'] {
    if (users.length === 1 && users[0] === this.#actor) throw new ChatError('cant_invite_self');
    for (const user of users) this.#mustExist(user);
    for (const user of new Set(users)) this.#setMember(user, true);
    return { channel: this.#draft.channel! };
  }

  /** Of who is no member, nothing is to be done: so a retry is answered as the first was. */
  #kick({ user }: Operations['kick']['args']): Operations['kick']['result'] {
    if (user === this.#actor) throw new ChatError('cant_kick_self');
    this.#mustExist(user);
    this.#setMember(user, false);
    return {};
  }

  /** Of memory, or, once it has met a conflict, of the store. */
  #earlier(user: UserId, clientKey: string): Posted | undefined {
    const { earlier } = this.#lookups;
    return this.#draft.posted(user, clientKey) ?? (earlier && { ...earlier, duplicate: true });
  }

  #publish(args: Operations['publish']['args']): Posted {
    const duplicate = this.#earlier(SYSTEM_USER, args.clientKey);
    if (duplicate !== undefined) return duplicate;
    return this.#draft.add(this.#workspace, {
      type: args.type,
      user: SYSTEM_USER,
      clientKey: args.clientKey,
      trace: this.#trace,
      build: (at) => ({ payload: publishedJson(at, args.type, args.event), projection: { kind: 'none' } }),
    });
  }

  #mustExist(user: UserId): void {
    if (!this.#lookups.users.has(user)) throw new ChatError('user_not_found', { user });
  }

  /** True when the membership changed. */
  #setMember(user: UserId, joined: boolean): boolean {
    if (this.#draft.isMember(user) === joined) return false;
    this.#draft.add(this.#workspace, {
      type: joined ? 'member_joined_channel' : 'member_left_channel',
      user: this.#actorOrCreator(user),
      trace: this.#trace,
      build: (at) => ({
        payload: memberJson(at, { user, joined, by: this.#request.actor.user }),
        projection: { kind: 'member', user, member: joined },
      }),
    });
    return true;
  }

  #actorOrCreator(user: UserId): UserId {
    return this.#request.actor.user ?? user;
  }
}

/** The users of the operation whose membership decides it. */
export function membersAskedFor(request: Request): UserId[] {
  const users = new Set<UserId>();
  if (request.actor.user !== undefined) users.add(request.actor.user);
  if (request.op === 'invite') for (const u of (request.args as Operations['invite']['args']).users) users.add(u);
  if (request.op === 'kick') users.add((request.args as Operations['kick']['args']).user);
  return [...users];
}

/** The users of the operation that must exist in the workspace. */
export function usersAskedFor(request: Request): UserId[] {
  if (request.op === 'invite') return [...new Set((request.args as Operations['invite']['args']).users)];
  if (request.op === 'kick') return [(request.args as Operations['kick']['args']).user];
  if (request.op !== 'create') return [];
  const { channel, members } = request.args as Operations['create']['args'];
  return [...new Set([channel.creator, ...members])];
}
