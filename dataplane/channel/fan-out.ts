/** One frame an event, the same bytes to every subscribed link. */

import type { TopicId, UserId } from '../../cells/contract/ids.ts';
import { encodeFrame, KIND } from '../protocol/frames.ts';
import { typingJson } from './events.ts';
import type { LinkSession } from './link-session.ts';
import type { ChannelMetrics } from './metrics.ts';

/** A link's subscription of a topic. Live when it is in the topic's set; before, it is catching up. */
export interface Subscriber {
  readonly session: LinkSession;
  cancelled: boolean;
}

export function fanOut(subscribers: ReadonlySet<Subscriber>, frame: Uint8Array, metrics: ChannelMetrics): void {
  for (const { session } of subscribers) session.sendEvent(frame);
  metrics.framesSent.inc(subscribers.size);
}

/** Never stored, and the first to be dropped: not for a link that has something queued. */
export function fanOutTyping(
  at: { topic: TopicId; slot: number; epoch: number },
  user: UserId,
  subscribers: ReadonlySet<Subscriber>,
): void {
  const frame = encodeFrame({ kind: KIND.transient, ...at }, typingJson(at.topic, user));
  for (const { session } of subscribers) if (session.bufferedBytes() < TYPING_MAX_QUEUED) session.send(frame);
}
const TYPING_MAX_QUEUED = 64 * 1024;
