/** Weighted rendezvous hashing of slots over members. Pure, the same everywhere. */

/** 32-bit FNV-1a of a text: a member's seed. */
export function seedOf(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** Uniform in (0, 1) for a slot and a seed (murmur3's finaliser). */
export function draw(slot: number, seed: number): number {
  let h = Math.imul(slot + 0x9e3779b9, 0x85ebca6b) ^ seed;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (((h ^ (h >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}

/** Larger is better; a member of weight w wins w times as often as one of weight 1. */
export const score = (slot: number, seed: number, weight: number): number =>
  weight === 1 ? Math.log(draw(slot, seed)) : Math.log(draw(slot, seed)) / weight;
