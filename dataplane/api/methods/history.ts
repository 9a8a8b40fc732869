/** conversations.history: newest first, in pages towards the past. */
import { formatTs, parseTs } from '../../../cells/contract/ids.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { boolean, bound, channel, optional, pageSize, string } from '../arguments.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import { method } from '../method.ts';

const CURSOR = 'next_ts';

export const history = method({
  doc: 'Reads messages, newest first, as they are now: edited, and without deleted ones.',
  args: {
    channel: channel('Channel id.'),
    oldest: bound('Only messages after this.', 'invalid_ts_oldest'),
    latest: bound('Only messages before this.', 'invalid_ts_latest'),
    inclusive: optional(boolean('Includes messages at oldest and latest.'), false),
    limit: pageSize(LIMITS.historyMax, LIMITS.historyDefault),
    cursor: optional(string('next_cursor of the page before.')),
  },
  async handle(context, args) {
    const before = args.cursor === undefined ? undefined : decodeCursor(CURSOR, args.cursor, parseTs);
    const latest = before === undefined ? args.latest : latestBefore(before, args.inclusive);
    const page = await context.call(args.channel, 'history', {
      inclusive: args.inclusive,
      limit: args.limit,
      ...(args.oldest === undefined ? {} : { oldest: args.oldest }),
      ...(latest === undefined ? {} : { latest }),
    });
    const last = page.messages.at(-1);
    return {
      messages: page.messages.map(({ payload }) => JSON.parse(payload) as unknown),
      has_more: page.more,
      pin_count: 0,
      ...(page.more && last !== undefined ? { response_metadata: { next_cursor: encodeCursor(CURSOR, last.ts) } } : {}),
    };
  },
});

/** The upper bound that leaves out `ts` itself, which the page before has shown: `inclusive` speaks of both ends. */
const latestBefore = (ts: bigint, inclusive: boolean): string => formatTs(inclusive && ts > 0n ? ts - 1n : ts);
