/** Where a workspace's rows lie: its id is minted until its keyspace id falls into the wanted shard. Pure. */
import { ChatError } from '../contract/errors.ts';
import { keyspaceId } from '../contract/slot.ts';

const SHARD = /^(?:0|([0-9a-f]{0,16})-([0-9a-f]{0,16}))$/;
/** Enough for the smallest of 4,096 shards with a chance of failure below 10⁻⁷. */
const MAX_TRIES = 65_536;

/** Whether a Vitess shard ("0", "-80", "80-c0", "c0-") holds the keyspace id. Throws `invalid_arguments` on another form. */
export function shardContains(shard: string, ksid: bigint): boolean {
  const match = SHARD.exec(shard);
  if (!match)
    throw new ChatError('invalid_arguments', { argument: 'shard', problem: `${shard} is not a Vitess shard` });
  const [, from = '', to = ''] = match;
  return ksid >= bound(from, 0n) && (to === '' || ksid < bound(to, 0n));
}

/** "80" is 0x80 followed by zeros: keyspace ids compare as bytes from the left. */
const bound = (hex: string, empty: bigint): bigint => (hex === '' ? empty : BigInt(`0x${hex.padEnd(16, '0')}`));

/** The first id of `next` that lies in the shard; "auto" takes the first of all. */
export function mintPlaced(next: () => bigint, shard: string): bigint {
  if (shard === 'auto') return next();
  for (let i = 0; i < MAX_TRIES; i++) {
    const id = next();
    if (shardContains(shard, keyspaceId(id))) return id;
  }
  throw new ChatError('invalid_arguments', { argument: 'shard', problem: `no id was found in ${shard}` });
}
