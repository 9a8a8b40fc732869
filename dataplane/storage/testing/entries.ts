/** Made-up ids and log entries for tests of the store. */
import { type TopicId, topicId, type UserId, userId, workspaceId } from '../../../cells/contract/ids.ts';
import { slotOf } from '../../../cells/contract/slot.ts';
import type { ChannelRow, Fence, LogEntry, Projection } from '../store.ts';

/** Above 2^53 and odd, so that a number that went through a double is seen. */
const BASE = 5_188_146_770_730_811_393n;

export const WORKSPACE = workspaceId(BASE);
export const OTHER_WORKSPACE = workspaceId(BASE + 1n);
export const user = (n: number): UserId => userId(BASE + 1000n + BigInt(n));
export const channel = (n: number): TopicId => topicId('C', BASE + 2000n + BigInt(n));
export const RING = 'chat/main';

export const fenceOf = (topic: TopicId, epoch = 1): Fence => ({ ring: RING, slot: slotOf(topic), epoch });
/** Distinct fences of the topics. */
export const fencesOf = (topics: readonly TopicId[], epoch = 1): Fence[] => [
  ...new Map(topics.map((t) => [slotOf(t), fenceOf(t, epoch)])).values(),
];

const FIRST_TS = 1_800_000_000_000_000n;
export const tsOf = (seq: number): bigint => FIRST_TS + BigInt(seq);

export function entry(topic: TopicId, seq: number, more: Partial<LogEntry> = {}): LogEntry {
  const ts = tsOf(seq);
  return {
    topic,
    workspace: WORKSPACE,
    seq,
    epoch: 1,
    ts,
    type: 'message',
    user: user(1),
    clientKey: undefined,
    payload: JSON.stringify({ type: 'message', text: `text ${seq}`, seq }),
    projection: { kind: 'message', ts },
    ...more,
  };
}

export const event = (
  topic: TopicId,
  seq: number,
  type: LogEntry['type'],
  projection: Projection,
  payload = JSON.stringify({ type, seq }),
): LogEntry => entry(topic, seq, { type, projection, payload });

export const channelRow = (id: TopicId, more: Partial<ChannelRow> = {}): ChannelRow => ({
  id,
  workspace: WORKSPACE,
  name: 'general',
  isPrivate: false,
  isArchived: false,
  creator: user(1),
  created: 1_800_000_000,
  ...more,
});
