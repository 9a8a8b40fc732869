/**
 * The one hash of ring and shards. A topic's keyspace id is Vitess's `xxhash` vindex of its id: the 8 little-endian
 * bytes of XXH64 (seed 0) over the id's decimal text. Its slot is the first 14 bits of those bytes, so a slot is a
 * key range, lies whole in one shard, and moves with it in a reshard.
 */
import { type Halves, xxhash64 } from './xxhash64.ts';

export const SLOTS = 16_384;
/** Slots travel over xDS in this many resources of SLOTS / SLOT_RANGES slots each. */
export const SLOT_RANGES = 64;
export const SLOTS_PER_RANGE = SLOTS / SLOT_RANGES;

/** The keyspace id of an id's number, itself as a big-endian number: the order in which Vitess compares it with shard ranges. */
export function keyspaceId(id: bigint): bigint {
  hashDecimal(Number(id / 10n ** 16n), Number((id / 10n ** 8n) % 10n ** 8n), Number(id % 10n ** 8n));
  keyspaceBytes.setInt32(0, hash.low, true);
  keyspaceBytes.setInt32(4, hash.high, true);
  return keyspaceBytes.getBigUint64(0);
}

/** The slot of an id, from its text: the number is not needed for it. Throws a TypeError on what is no id. */
export function slotOf(id: string): number {
  const { length } = id;
  // The number so far, in limbs of 8 decimal digits.
  let upper = 0;
  let middle = 0;
  let lower = 0;
  let seen = length > 1 && length <= 14 ? 0 : NO_DIGIT;
  for (let i = 1; i < length; ) {
    // 5 base-36 digits at a time: the largest that keeps limb × 36^5 exact in a double.
    const end = Math.min(i + 5, length);
    let chunk = 0;
    let scale = 1;
    for (; i < end; i++) {
      const digit = BASE_36[id.charCodeAt(i)] ?? NO_DIGIT;
      seen |= digit;
      chunk = chunk * 36 + digit;
      scale *= 36;
    }
    const low = lower * scale + chunk;
    const fromLower = Math.floor(low / LIMB);
    lower = low - fromLower * LIMB;
    const mid = middle * scale + fromLower;
    const fromMiddle = Math.floor(mid / LIMB);
    middle = mid - fromMiddle * LIMB;
    upper = upper * scale + fromMiddle;
  }
  if (seen >= NO_DIGIT) throw new TypeError(`not an id: ${JSON.stringify(id)}`);
  hashDecimal(upper, middle, lower);
  return ((hash.low & 0xff) << 6) | ((hash.low >>> 10) & 0x3f);
}

/** The first keyspace id of a slot: the `numeric` vindex key of its fence row, on the slot's own shard. */
export const slotStart = (slot: number): bigint => BigInt(slot) << 50n;

const LIMB = 1e8;
const NO_DIGIT = 0x80;
const BASE_36 = new Uint8Array(128).fill(NO_DIGIT);
for (let digit = 0; digit < 36; digit++) BASE_36[digit.toString(36).toUpperCase().charCodeAt(0)] = digit;
/** The decimal text of 0–9,999 in four little-endian bytes. */
const FOUR_DIGITS = new Int32Array(10_000);
for (let n = 0; n < 10_000; n++) FOUR_DIGITS[n] = Buffer.from(String(n).padStart(4, '0')).readInt32LE();

// Reused by each call: nothing here waits.
const text = new DataView(new ArrayBuffer(24));
const keyspaceBytes = new DataView(new ArrayBuffer(8));
const hash: Halves = { high: 0, low: 0 };

/** Sets `hash` to that of the decimal text of a number in limbs of 8 digits. */
function hashDecimal(upper: number, middle: number, lower: number): void {
  setLimb(0, upper);
  setLimb(8, middle);
  setLimb(16, lower);
  let at = 0;
  while (at < 23 && text.getUint8(at) === ZERO) at++;
  xxhash64(text, at, hash);
}

const ZERO = 0x30;
function setLimb(at: number, limb: number): void {
  const high = (limb / 10_000) | 0;
  text.setInt32(at, FOUR_DIGITS[high]!, true);
  text.setInt32(at + 4, FOUR_DIGITS[(limb | 0) - high * 10_000]!, true);
}
