/**
 * The slot table of one ring: who owns each slot, who stands by, where it is being moved to. It lives in the store
 * and changes only by compare-and-set of its epoch. Pure data; no I/O.
 */
import { deflateSync, inflateSync } from 'node:zlib';
import { ChatError } from './errors.ts';
import { SLOTS } from './slot.ts';

/** Index of "nobody" in owner, standby and target. */
export const NONE = 0xffff;

/** One incarnation of a channel server. A restarted server is another member. */
export interface Member {
  /** `<pod uid>/<start nonce>`. */
  incarnation: string;
  pod: string;
  cell: string;
  zone: string;
  /** host:port of the link listener. */
  address: string;
  /** Relative share of slots; 1 is normal. */
  weight: number;
}

export interface RingTable {
  ring: string;
  /** Raised by one at every commit. */
  epoch: number;
  members: readonly Member[];
  /** Per slot, an index into `members` or NONE. */
  owner: Uint16Array;
  standby: Uint16Array;
  /** A planned handoff: the owner hands the slot to this member as soon as that one has prepared. */
  target: Uint16Array;
  /** Per slot, the table epoch at which its owner became owner: the epoch of its fence and of its events. */
  slotEpoch: Uint32Array;
  /**
   * Uid of the last ChannelRing of this name that has ended: no table is laid out for that one any more, whatever a
   * replica that has not heard of the deletion believes.
   */
  ended?: string;
}

export function emptyTable(ring: string): RingTable {
  return {
    ring,
    epoch: 0,
    members: [],
    owner: new Uint16Array(SLOTS).fill(NONE),
    standby: new Uint16Array(SLOTS).fill(NONE),
    target: new Uint16Array(SLOTS).fill(NONE),
    slotEpoch: new Uint32Array(SLOTS),
  };
}

const FORMAT = 1;

/** `u8 format, u32 head length, head JSON {ring, epoch, members, ended?}, owner, standby, target, slotEpoch` little-endian, deflated. */
export function encodeTable(table: RingTable): Uint8Array {
  const { ring, epoch, members, ended } = table;
  const head = Buffer.from(JSON.stringify({ ring, epoch, members, ended }));
  const raw = Buffer.alloc(5 + head.length + SLOTS * 10);
  raw.writeUInt8(FORMAT, 0);
  raw.writeUInt32LE(head.length, 1);
  head.copy(raw, 5);
  let at = 5 + head.length;
  for (const column of [table.owner, table.standby, table.target, table.slotEpoch]) {
    raw.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), at);
    at += column.byteLength;
  }
  return deflateSync(raw, { level: 1 });
}

export function decodeTable(bytes: Uint8Array): RingTable {
  const raw = inflateSync(bytes);
  if (raw.readUInt8(0) !== FORMAT) throw new ChatError('ring_table_format', { found: raw.readUInt8(0), known: FORMAT });
  const headLength = raw.readUInt32LE(1);
  const head = JSON.parse(raw.subarray(5, 5 + headLength).toString()) as Pick<
    RingTable,
    'ring' | 'epoch' | 'members' | 'ended'
  >;
  const columns = new Uint8Array(raw.subarray(5 + headLength)); // a copy, so that the typed arrays are aligned
  const u16 = (index: number): Uint16Array => new Uint16Array(columns.buffer, index * SLOTS * 2, SLOTS);
  return {
    ...head,
    owner: u16(0),
    standby: u16(1),
    target: u16(2),
    slotEpoch: new Uint32Array(columns.buffer, SLOTS * 6, SLOTS),
  };
}

/** A deep enough copy to change and commit as the next epoch. */
export function nextTable(table: RingTable): RingTable {
  return {
    ring: table.ring,
    epoch: table.epoch + 1,
    members: [...table.members],
    owner: table.owner.slice(),
    standby: table.standby.slice(),
    target: table.target.slice(),
    slotEpoch: table.slotEpoch.slice(),
    ...(table.ended === undefined ? {} : { ended: table.ended }),
  };
}

export const memberIndex = (table: RingTable, incarnation: string): number => {
  const index = table.members.findIndex((m) => m.incarnation === incarnation);
  return index < 0 ? NONE : index;
};
