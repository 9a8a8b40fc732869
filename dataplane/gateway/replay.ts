/** Which part of a topic's past a resuming user may see. Pure. */
import type { UserId } from '../../cells/contract/ids.ts';

export interface ReplayedEvent {
  seq: number;
  payload: string;
}

/**
 * Cuts out what happened while the user was not a member: after the event that ended its membership nothing is
 * visible, until the one that made it a member again. `inside` is how the replay begins; call again with the result's
 * for the next page.
 */
export function visibleTo(
  user: UserId,
  events: readonly ReplayedEvent[],
  inside: boolean,
): { events: ReplayedEvent[]; inside: boolean } {
  const visible: ReplayedEvent[] = [];
  let member = inside;
  for (const event of events) {
    const change = membershipChange(user, event.payload);
    if (change === 'joined') member = true;
    if (member) visible.push(event);
    if (change === 'left') member = false;
  }
  return { events: visible, inside: member };
}

function membershipChange(user: UserId, payload: string): 'joined' | 'left' | undefined {
  // Cheap first: nearly all events are messages, and need no parsing.
  if (!payload.includes('"member_') || !payload.includes(user)) return undefined;
  const event = JSON.parse(payload) as { type?: unknown; user?: unknown };
  if (event.user !== user) return undefined;
  if (event.type === 'member_joined_channel') return 'joined';
  return event.type === 'member_left_channel' ? 'left' : undefined;
}

/** The time of a stored event in Slack's form, for a gap's bounds. */
export function tsOf(payload: string): string | undefined {
  const event = JSON.parse(payload) as { event_ts?: unknown; ts?: unknown };
  const ts = event.event_ts ?? event.ts;
  return typeof ts === 'string' ? ts : undefined;
}
