/**
 * From an open socket to a live session. Subscriptions come first and state is read afterwards, so that what happens
 * between the two is among the live events, which are held until the state is out.
 */
import type { WorkspaceEntry } from '../../cells/contract/control.ts';
import { ChatError, hasCode } from '../../cells/contract/errors.ts';
import type { TopicId } from '../../cells/contract/ids.ts';
import type { SessionIdentity } from '../auth/identity.ts';
import type { Directory, Membership, UserRow } from '../storage/store.ts';
import { forEachLimit } from './concurrency.ts';
import * as frames from './server-frames.ts';
import type { Session } from './session.ts';
import type { TopicAttachment } from './topic-attachment.ts';

const ATTACH_AT_ONCE = 32;
const CATCH_UP_AT_ONCE = 4;
/**
 * Topics of a resume that the directory does not count among the user's: it may lag behind a channel, so their owners
 * are asked. No honest list has more of them, and each costs an owner a look into the store.
 */
const MAX_OTHERS = 1_000;

interface Attached {
  attachment: TopicAttachment;
  head: number;
}

/** The user's row. Rejects with `account_inactive`, also for a user that is not there. */
export async function activeUser(directory: Pick<Directory, 'users'>, identity: SessionIdentity): Promise<UserRow> {
  const row = (await directory.users(identity.workspace, [identity.user])).get(identity.user);
  if (row === undefined || row.deleted) throw new ChatError('account_inactive');
  return row;
}

/** A session without a past: state, if wanted, then live events from each topic's head. */
export async function startFresh(session: Session, self: UserRow, wantsBoot: boolean): Promise<void> {
  const { own, memberships } = await attachOwn(session);
  const channels: { channel: Membership['channel']; attached: Attached }[] = [];
  await forEachLimit(memberships, ATTACH_AT_ONCE, async ({ channel }) => {
    const attached = await session.attach(channel.id);
    // Denied: the directory lags behind the channel, which knows better.
    if (attached !== undefined) channels.push({ channel, attached });
  });
  if (wantsBoot) {
    const order = new Map(memberships.map((m, index) => [m.channel.id, index]));
    channels.sort((a, b) => (order.get(a.channel.id) ?? 0) - (order.get(b.channel.id) ?? 0));
    session.send(
      frames.boot({
        self,
        team: team(session.entry),
        channels: channels.map(({ channel, attached }) => ({ channel, head: attached.head })),
        topics: Object.fromEntries([...own].map(([topic, { head }]) => [topic, head])),
      }),
    );
  }
  for (const { attached } of channels) attached.attachment.stream.begin(attached.head);
  for (const { attachment, head } of own.values()) attachment.stream.begin(head);
}

/**
 * A session that comes back with the last seq of each topic that it has. Topics that it lacks start where the user
 * became a member; those that it may no longer read are answered with channel_left.
 */
export async function startResumed(session: Session, known: ReadonlyMap<TopicId, number>): Promise<void> {
  const { own, memberships } = await attachOwn(session);
  const joinedAt = new Map(memberships.map((m) => [m.channel.id, m.seq]));
  const others = [...known.keys()].filter((topic) => !own.has(topic) && !joinedAt.has(topic));
  const channels = new Set<TopicId>([...joinedAt.keys(), ...others.slice(0, MAX_OTHERS)]);
  const attached: { topic: TopicId; at: Attached; after: number }[] = [];
  await forEachLimit(channels, ATTACH_AT_ONCE, async (topic) => {
    const at = await session.attach(topic);
    const since = known.get(topic);
    if (at !== undefined) attached.push({ topic, at, after: since ?? (joinedAt.get(topic) ?? at.head + 1) - 1 });
    else if (since !== undefined) session.send(frames.channelLeft(topic));
  });
  for (const [topic, at] of own) attached.push({ topic, at, after: known.get(topic) ?? at.head });
  let replayed = 0;
  const skipped = session.context.plants.has('resume-skips') ? 1 : 0;
  await forEachLimit(attached, CATCH_UP_AT_ONCE, async ({ at, after }) => {
    // Not `replayed += await …`: that reads the sum before the wait, and loses what others add meanwhile.
    const sent = await at.attachment.catchUp(Math.min(after + skipped, at.head), at.head, { inside: true });
    replayed += sent;
  });
  for (const topic of others.slice(MAX_OTHERS)) session.send(frames.channelLeft(topic));
  session.send(frames.resumed(replayed));
}

/** The user's and the workspace's topics, then (not before) the memberships. */
async function attachOwn(session: Session): Promise<{ own: Map<TopicId, Attached>; memberships: Membership[] }> {
  const { workspace, user } = session.identity;
  const own = new Map<TopicId, Attached>();
  await forEachLimit<TopicId>([user, workspace], 2, async (topic) => {
    const attached = await session.attach(topic);
    if (attached === undefined && !session.closed) throw new ChatError('account_inactive');
    if (attached !== undefined) own.set(topic, attached);
  });
  return { own, memberships: await session.context.directory.memberships(workspace, user) };
}

const team = (entry: WorkspaceEntry): { id: string; name: string } => ({ id: entry.id, name: entry.displayName });

/** Whether the failure ends the client's right to be here, so that coming back is of no use. */
export const isFinal = (e: unknown): boolean =>
  hasCode(e, 'account_inactive') || hasCode(e, 'team_access_not_granted') || hasCode(e, 'invalid_auth');
