/** What a gateway or API server asks of a topic's owner: the bodies of `request` and `response` frames. */
import type { RouteMember } from '../../cells/contract/control.ts';
import type { ErrorCode, ErrorDetails } from '../../cells/contract/errors.ts';
import type { TopicId, UserId, WorkspaceId } from '../../cells/contract/ids.ts';
import type { ChannelRow, EventType } from '../storage/store.ts';

/** Who asks. The owner checks workspace and membership itself; `system` is a dataplane process acting for none. */
export interface Actor {
  workspace: WorkspaceId;
  user: UserId | undefined;
  roles: readonly string[];
}

export interface Posted {
  seq: number;
  /** Slack's form. */
  ts: string;
  /** The key was known: this is the first result, and nothing was written. */
  duplicate: boolean;
}

export interface HistoryMessage {
  seq: number;
  ts: string;
  /** JSON text of the message. */
  payload: string;
}

/** Every operation: its arguments and its result. All but those marked (read) are one durable event or more. */
export interface Operations {
  /** Makes the channel with its creator and further members; the same channel again is `duplicate`. */
  create: { args: { channel: ChannelRow; members: UserId[] }; result: { created: boolean } };
  /** `clientKey` is the client's client_msg_id, or a key of the caller's own beginning with "~" so that its internal retries stay one post. */
  post: { args: { text: string; clientKey: string; blocks?: unknown; threadTs?: string }; result: Posted };
  /** Text or blocks, or both: what is absent stays as it is. An empty list of blocks removes them. */
  update: { args: { ts: string; text?: string; blocks?: readonly unknown[] }; result: Posted };
  delete: { args: { ts: string }; result: Posted };
  join: { args: Record<string, never>; result: { alreadyMember: boolean; channel: ChannelRow } };
  leave: { args: Record<string, never>; result: { wasMember: boolean } };
  invite: { args: { users: UserId[] }; result: { channel: ChannelRow } };
  kick: { args: { user: UserId }; result: Record<string, never> };
  /** An event on a user's or workspace's topic, from the outbox of another topic or from a dataplane process. `actor.user` is undefined. */
  publish: { args: { type: EventType; event: Record<string, unknown>; clientKey: string }; result: Posted };
  /** (read) */
  info: { args: Record<string, never>; result: { channel: ChannelRow; isMember: boolean; head: number } };
  /** (read) */
  members: { args: { after?: UserId; limit: number }; result: { users: UserId[]; more: boolean } };
  /** (read) Newest first. `oldest` and `latest` in Slack's form. */
  history: {
    args: { oldest?: string; latest?: string; inclusive: boolean; limit: number };
    result: { messages: HistoryMessage[]; more: boolean };
  };
  /** (read) Durable events with afterSeq < seq ≤ upTo in order; `events` are JSON texts. For resume. */
  replay: {
    args: { afterSeq: number; upTo: number; limit: number };
    result: { events: { seq: number; payload: string }[]; oldest: number };
  };
  /**
   * (read) The link is to receive the topic's events with seq > `afterSeq` (the head when absent), on behalf of
   * `users`. Members only, for channels; the user itself for U; any user of the workspace for T. Those not allowed come
   * back in `denied`. If the link was subscribed already, only the users are checked. Events ≤ `head` precede the answer.
   */
  subscribe: { args: { users: UserId[]; afterSeq?: number }; result: { head: number; denied: UserId[] } };
  /** Transient; no answer is waited for. */
  typing: { args: Record<string, never>; result: Record<string, never> };
  /** Between channel servers: the target says it is ready to take these slots (it has read the table that names it). */
  prepare: { args: { ring: string; slots: number[]; tableEpoch: number }; result: { ready: boolean } };
  /**
   * Between channel servers: the owner has committed the table that names the target; heads save it the read.
   * `standbys`: of each slot, as a member's number in that table, so that who has the table before need not read it.
   * `frozenMs`: how long the slots have accepted nothing by then. The version before sends neither.
   */
  handoff: {
    args: {
      ring: string;
      slots: number[];
      tableEpoch: number;
      heads: [TopicId, number, string][];
      standbys?: number[];
      frozenMs?: number;
    };
    result: { claimed: number };
  };
}
export type Operation = keyof Operations;

export interface Request<O extends Operation = Operation> {
  op: O;
  ring: string;
  args: Operations[O]['args'];
  actor: Actor;
}

/** `moved` carries the owner in its details when it is known. */
export type Response<O extends Operation = Operation> =
  | { ok: true; result: Operations[O]['result'] }
  | { ok: false; error: { code: ErrorCode; details: ErrorDetails } };

export interface Hello {
  role: 'gateway' | 'api' | 'channel';
  incarnation: string;
  zone: string;
  cell: string;
  pod: string;
}

export interface Owned {
  ring: string;
  owner: RouteMember;
  /** The table epoch; for each slot also its owner's epoch. */
  epoch: number;
  slots: number[];
}
