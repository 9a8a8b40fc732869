/**
 * XXH64 with seed 0 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md) of texts shorter than 32 bytes.
 * In 32-bit halves, without BigInt and without an allocation: it runs for each topic that a process meets.
 */
const PRIME1_HIGH = 0x9e3779b1;
const PRIME1_LOW = 0x85ebca87;
const PRIME2_HIGH = 0xc2b2ae3d;
const PRIME2_LOW = 0x27d4eb4f;
const PRIME3_HIGH = 0x165667b1;
const PRIME3_LOW = 0x9e3779f9;
const PRIME4_HIGH = 0x85ebca77;
const PRIME4_LOW = 0xc2b2ae63;
const PRIME5_HIGH = 0x27d4eb2f;
const PRIME5_LOW = 0x165667c5;

/** A 64-bit number; its halves are signed when they come from xxhash64. */
export interface Halves {
  high: number;
  low: number;
}

/** Hashes the bytes from `from` to the end of `text`, at most 31, into `out`. */
export function xxhash64(text: DataView, from: number, out: Halves): void {
  const end = text.byteLength;
  let at = from;
  let high = PRIME5_HIGH;
  let low = (PRIME5_LOW + end - from) | 0;
  let h: number; // the halves of what was just multiplied, before it is rotated
  let l: number;
  for (; at + 8 <= end; at += 8) {
    l = text.getInt32(at, true);
    h = multiplyHigh(text.getInt32(at + 4, true), l, PRIME2_HIGH, PRIME2_LOW);
    l = Math.imul(l, PRIME2_LOW);
    const laneHigh = (h << 31) | (l >>> 1);
    const laneLow = (l << 31) | (h >>> 1);
    h = high ^ multiplyHigh(laneHigh, laneLow, PRIME1_HIGH, PRIME1_LOW);
    l = low ^ Math.imul(laneLow, PRIME1_LOW);
    high = (h << 27) | (l >>> 5);
    low = (l << 27) | (h >>> 5);
    high = multiplyHigh(high, low, PRIME1_HIGH, PRIME1_LOW);
    low = Math.imul(low, PRIME1_LOW);
    high = (high + PRIME4_HIGH + carryOf(low, PRIME4_LOW)) | 0;
    low = (low + PRIME4_LOW) | 0;
  }
  if (at + 4 <= end) {
    const lane = text.getInt32(at, true);
    h = high ^ multiplyHigh(0, lane, PRIME1_HIGH, PRIME1_LOW);
    l = low ^ Math.imul(lane, PRIME1_LOW);
    high = (h << 23) | (l >>> 9);
    low = (l << 23) | (h >>> 9);
    high = multiplyHigh(high, low, PRIME2_HIGH, PRIME2_LOW);
    low = Math.imul(low, PRIME2_LOW);
    high = (high + PRIME3_HIGH + carryOf(low, PRIME3_LOW)) | 0;
    low = (low + PRIME3_LOW) | 0;
    at += 4;
  }
  for (; at < end; at++) {
    const lane = text.getUint8(at);
    h = high ^ multiplyHigh(0, lane, PRIME5_HIGH, PRIME5_LOW);
    l = low ^ Math.imul(lane, PRIME5_LOW);
    high = (h << 11) | (l >>> 21);
    low = (l << 11) | (h >>> 21);
    high = multiplyHigh(high, low, PRIME1_HIGH, PRIME1_LOW);
    low = Math.imul(low, PRIME1_LOW);
  }
  low ^= high >>> 1;
  high = multiplyHigh(high, low, PRIME2_HIGH, PRIME2_LOW);
  low = Math.imul(low, PRIME2_LOW);
  low ^= (low >>> 29) | (high << 3);
  high ^= high >>> 29;
  high = multiplyHigh(high, low, PRIME3_HIGH, PRIME3_LOW);
  out.high = high;
  out.low = Math.imul(low, PRIME3_LOW) ^ high;
}

/** The upper half of the product of two 64-bit numbers modulo 2^64; the lower one is Math.imul of the lower halves. */
const multiplyHigh = (aHigh: number, aLow: number, bHigh: number, bLow: number): number =>
  (upperOfProduct(aLow, bLow) + Math.imul(aHigh, bLow) + Math.imul(aLow, bHigh)) | 0;

/** The upper 32 bits of the product of two unsigned 32-bit numbers. */
function upperOfProduct(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const inner = Math.imul(a1, b0);
  const outer = Math.imul(a0, b1);
  const carry = ((Math.imul(a0, b0) >>> 16) + (inner & 0xffff) + (outer & 0xffff)) >>> 16;
  return (Math.imul(a1, b1) + (inner >>> 16) + (outer >>> 16) + carry) | 0;
}

/** What the sum of two unsigned 32-bit numbers carries. */
const carryOf = (a: number, b: number): number => ((a + b) >>> 0 < b >>> 0 ? 1 : 0);
