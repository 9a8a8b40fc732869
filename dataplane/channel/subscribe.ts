/** A link's subscription of a topic: catches up from where the asker stands, then goes live without a gap. */
import { ChatError } from '../../cells/contract/errors.ts';
import type { UserId } from '../../cells/contract/ids.ts';
import type { Operations, Request } from '../protocol/operations.ts';
import type { Plants } from '../protocol/plants.ts';
import type { Store, StoredEvent } from '../storage/store.ts';
import { eventFrame, memberOf } from './event-frame.ts';
import type { Subscriber } from './fan-out.ts';
import type { LinkSession } from './link-session.ts';
import { authorise } from './reads.ts';
import type { Topic } from './topic.ts';

const PAGE = 500;
/** A link that is further behind when its users have left gets none of it. */
const MAX_LAST_EVENTS = 5_000;

export interface SubscribeOptions {
  store: Store;
  plants: Plants;
}

/**
 * Resolves with what to answer, or undefined when the topic was dropped, the link was lost or the peer unsubscribed
 * meanwhile. The link is subscribed if at least one user may have the topic, or nobody in particular asked.
 */
export const subscribe = (
  topic: Topic,
  session: LinkSession,
  request: Request<'subscribe'>,
  options: SubscribeOptions,
): Promise<Operations['subscribe']['result'] | undefined> =>
  session.whileAsked(topic.topic, (unwanted) => lookInto(topic, session, request, { ...options, unwanted }));

async function lookInto(
  topic: Topic,
  session: LinkSession,
  request: Request<'subscribe'>,
  options: SubscribeOptions & { unwanted(): boolean },
): Promise<Operations['subscribe']['result'] | undefined> {
  const { users, afterSeq } = request.args as Operations['subscribe']['args'];
  await topic.loaded;
  // All at once: after a failover a gateway names thousands.
  if (topic.isChannel && (await topic.channelOf(request.actor.workspace)) !== undefined)
    await topic.members.lookUp(users);
  const denied: UserId[] = [];
  for (const user of users) {
    const actor = { ...request.actor, user };
    try {
      await authorise(topic, 'subscribe', actor);
    } catch (e: unknown) {
      if (!(e instanceof ChatError) || e.retryable) throw e;
      denied.push(user);
    }
  }
  if (topic.dropped || options.unwanted()) return undefined;
  if (denied.length === users.length && afterSeq !== undefined)
    await sendUpToTheEnd(topic, session, { users: denied, from: afterSeq }, options);
  const live = [...topic.subscribers].find((s) => s.session === session);
  if (live === undefined && denied.length < users.length) {
    const subscriber: Subscriber = { session, cancelled: false };
    session.subscriptions.get(topic.topic)?.cancel();
    session.subscriptions.set(topic.topic, {
      cancel: () => {
        subscriber.cancelled = true;
        topic.subscribers.delete(subscriber);
      },
    });
    await catchUp(topic, subscriber, afterSeq ?? topic.head.seq, options);
    if (subscriber.cancelled || topic.dropped) return undefined;
  }
  return { head: topic.head.seq, denied };
}

/**
 * Sends what is stored after `from` and joins at the head: the comparison and the join are one step without a wait in
 * between, and events are fanned out in one step with the head's advance, so none is left out and none sent twice.
 */
async function catchUp(
  topic: Topic,
  subscriber: Subscriber,
  from: number,
  { store, plants }: SubscribeOptions,
): Promise<void> {
  let last = from;
  while (!subscriber.cancelled && !topic.dropped) {
    if (last >= topic.head.seq) {
      topic.subscribers.add(subscriber);
      return;
    }
    const recent = topic.recent.after(last);
    if (recent !== undefined && recent.length > 0) {
      for (const { frame, seq } of recent) {
        subscriber.session.sendEvent(frame);
        last = seq;
      }
      continue;
    }
    const page = await readCommitted(topic, last, store);
    if (page.length === 0) throw new ChatError('store_unavailable');
    for (const event of page) {
      subscriber.session.sendEvent(frameOf(topic, event, plants));
      last = event.seq;
    }
  }
}

/**
 * All users of the link are members no more. What happened from where the link stands to the end of the last
 * membership is still theirs to see, the event that ends it included; nothing after it is sent.
 */
async function sendUpToTheEnd(
  topic: Topic,
  session: LinkSession,
  of: { users: readonly UserId[]; from: number },
  { store, plants }: SubscribeOptions,
): Promise<void> {
  const events: StoredEvent[] = [];
  for (let last = of.from; last < topic.head.seq && events.length < MAX_LAST_EVENTS; ) {
    const page = await readCommitted(topic, last, store);
    if (page.length === 0) break;
    events.push(...page);
    last = page.at(-1)!.seq;
  }
  const users = new Set(of.users);
  const end = events.findLastIndex((event) => {
    const member = memberOf(event);
    return member !== undefined && !member.joined && users.has(member.user);
  });
  if (topic.dropped) return;
  for (const event of events.slice(0, end + 1)) session.sendEvent(frameOf(topic, event, plants));
}

/** Never beyond the head: what is stored behind it is fanned out when its commit is known, or is another owner's. */
async function readCommitted(topic: Topic, after: number, store: Store): Promise<StoredEvent[]> {
  const page = await store.log.read(topic.topic, after, PAGE);
  return page.filter((event) => event.seq <= topic.head.seq);
}

const frameOf = (topic: Topic, event: StoredEvent, plants: Plants): Uint8Array =>
  eventFrame(event, { slot: topic.slot, epoch: topic.epoch, trace: undefined, member: memberOf(event) }, plants);
