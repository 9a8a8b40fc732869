/**
 * The one hash of ring and shards. A topic's keyspace id is Vitess's `xxhash` vindex of its id: the 8 little-endian
 * bytes of XXH64 (seed 0) over the id's decimal text. Its slot is the first 14 bits of those bytes, so a slot is a
 * key range, lies whole in one shard, and moves with it in a reshard.
 */
import xxhash from 'xxhash-wasm';

export const SLOTS = 16_384;
/** Slots travel over xDS in this many resources of SLOTS / SLOT_RANGES slots each. */
export const SLOT_RANGES = 64;
export const SLOTS_PER_RANGE = SLOTS / SLOT_RANGES;

const { h64 } = await xxhash();

/** The keyspace id as a big-endian number: the order in which Vitess compares it with shard ranges. */
export function keyspaceId(id: bigint): bigint {
  return BigInt.asUintN(64, byteSwap64(h64(id.toString())));
}

export function slotOf(id: bigint): number {
  const h = h64(id.toString());
  return ((Number(h & 0xffn) << 8) | Number((h >> 8n) & 0xffn)) >> 2;
}

/** The first keyspace id of a slot: the `numeric` vindex key of its fence row, on the slot's own shard. */
export const slotStart = (slot: number): bigint => BigInt(slot) << 50n;

function byteSwap64(n: bigint): bigint {
  let out = 0n;
  for (let i = 0n; i < 64n; i += 8n) out = (out << 8n) | ((n >> i) & 0xffn);
  return out;
}
