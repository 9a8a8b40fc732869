/** Durable events as frames: encoded once, the same bytes to every link. */
import { numberOf, type UserId } from '../../cells/contract/ids.ts';
import { encodeFrame, FLAG, KIND, type Trace } from '../protocol/frames.ts';
import type { Plants } from '../protocol/plants.ts';
import type { EventType, StoredEvent } from '../storage/store.ts';

export interface FrameOf {
  slot: number;
  /** The epoch of the sending owner, not the one the event was written at: receivers tell a stale owner by it. */
  epoch: number;
  trace: Trace | undefined;
  /** Set when the event changes a membership. */
  member: { user: UserId; joined: boolean } | undefined;
}

export function eventFrame(
  event: Pick<StoredEvent, 'topic' | 'seq' | 'payload'>,
  of: FrameOf,
  plants: Plants,
): Uint8Array {
  const { slot, epoch, trace } = of;
  const member = of.member?.joined === false && plants.has('late-kick') ? undefined : of.member;
  const header = { kind: KIND.event, topic: event.topic, seq: event.seq, slot, epoch, trace };
  if (member === undefined) return encodeFrame(header, event.payload);
  const body = Buffer.allocUnsafe(8 + Buffer.byteLength(event.payload));
  body.writeBigUInt64LE(numberOf(member.user), 0);
  body.write(event.payload, 8);
  return encodeFrame({ ...header, flags: member.joined ? FLAG.memberJoined : FLAG.memberLeft }, body);
}

/** The membership that a stored event changed: the log's row names who acted, its text who it is about. */
export function memberOf(event: { type: EventType; payload: string }): { user: UserId; joined: boolean } | undefined {
  if (event.type !== 'member_joined_channel' && event.type !== 'member_left_channel') return undefined;
  const { user } = JSON.parse(event.payload) as { user: UserId };
  return { user, joined: event.type === 'member_joined_channel' };
}
