/** SlotRange, Workspace and DrainOrder: bytes on the stream ↔ the types of control.ts and the ring table. Pure. */
import { type DrainOrder, type RouteMember, slotRangeName, TYPE_URLS, type WorkspaceEntry } from '../control.ts';
import { isWorkspaceId } from '../ids.ts';
import { NONE, type RingTable } from '../ring-table.ts';
import { SLOT_RANGES, SLOTS_PER_RANGE } from '../slot.ts';
import { codecs } from './messages.ts';

/** 256 slots of a ring as they travel. */
export interface SlotRange {
  ring: string;
  range: number;
  epoch: number;
  members: RouteMember[];
  /** SLOTS_PER_RANGE little-endian u16 indices into `members`, 0xffff for nobody. */
  owner: Uint8Array;
  standby: Uint8Array;
  /** SLOTS_PER_RANGE little-endian u32. */
  slot_epoch: Uint8Array;
}

interface WorkspaceMessage {
  id: string;
  name: string;
  display_name: string;
  ring: string;
  suspended: boolean;
  keys: { kid: string; x: string }[];
  connections_limit: number;
  posts_per_second_limit: number;
  generation: number;
}
interface DrainOrderMessage {
  cell: string;
  generation: number;
  draining: boolean;
  keep_percent: number;
  spread_ms: number;
  reason: string;
  gateways: readonly string[];
}

const slotRange = codecs.codec<SlotRange>('chatcells.v1.SlotRange');
const workspace = codecs.codec<WorkspaceMessage>('chatcells.v1.Workspace');
const drainOrder = codecs.codec<DrainOrderMessage>('chatcells.v1.DrainOrder');

export const encodeSlotRange = (range: SlotRange): Buffer => slotRange.encode(range);

/** Throws on malformed bytes, a range out of bounds, columns of the wrong length or a member that is not listed. */
export function decodeSlotRange(bytes: Uint8Array): SlotRange {
  const range = slotRange.decode(bytes);
  if (range.range >= SLOT_RANGES) throw new RangeError(`range ${range.range} is not below ${SLOT_RANGES}`);
  for (const [column, width] of [
    ['owner', 2],
    ['standby', 2],
    ['slot_epoch', 4],
  ] as const)
    if (range[column].length !== SLOTS_PER_RANGE * width)
      throw new RangeError(`column ${column} has ${range[column].length} bytes`);
  for (const column of ['owner', 'standby'] as const)
    for (let i = 0; i < SLOTS_PER_RANGE; i++) {
      const index = u16(range[column], i);
      if (index !== NONE && index >= range.members.length) throw new RangeError(`${column} names member ${index}`);
    }
  return range;
}

export const u16 = (bytes: Uint8Array, i: number): number => bytes[2 * i]! | (bytes[2 * i + 1]! << 8);
export const u32 = (bytes: Uint8Array, i: number): number =>
  (bytes[4 * i]! | (bytes[4 * i + 1]! << 8) | (bytes[4 * i + 2]! << 16) | (bytes[4 * i + 3]! << 24)) >>> 0;

/**
 * The 64 ranges of a table. Each lists only the members that it refers to, so a member that joins or a slot that moves
 * elsewhere leaves it as it is. The table's epoch is no part of what makes two ranges equal: compare with `sameRoutes`.
 */
export const cutTable = (table: RingTable): SlotRange[] =>
  Array.from({ length: SLOT_RANGES }, (_, range) => cutRange(table, range));

/** Whether the columns of a range are as in the other table: with the same members it is cut alike then. */
export const sameSlots = (a: RingTable, b: RingTable, range: number): boolean =>
  ROUTED_COLUMNS.every((column) => Buffer.compare(rangeBytes(a[column], range), rangeBytes(b[column], range)) === 0);

const ROUTED_COLUMNS = ['owner', 'standby', 'slotEpoch'] as const;

const rangeBytes = ({ buffer, byteOffset, BYTES_PER_ELEMENT }: Uint16Array | Uint32Array, range: number): Uint8Array =>
  new Uint8Array(buffer, byteOffset + range * SLOTS_PER_RANGE * BYTES_PER_ELEMENT, SLOTS_PER_RANGE * BYTES_PER_ELEMENT);

/** One of the ranges that cutTable gives. */
export function cutRange(table: RingTable, range: number): SlotRange {
  const from = range * SLOTS_PER_RANGE;
  const to = from + SLOTS_PER_RANGE;
  const used = new Set([...table.owner.subarray(from, to), ...table.standby.subarray(from, to)]);
  used.delete(NONE);
  const order = [...used].sort((a, b) => a - b);
  const local = new Map(order.map((index, i) => [index, i]));
  const owner = new DataView(new ArrayBuffer(SLOTS_PER_RANGE * 2));
  const standby = new DataView(new ArrayBuffer(SLOTS_PER_RANGE * 2));
  const slotEpoch = new DataView(new ArrayBuffer(SLOTS_PER_RANGE * 4));
  for (let i = 0; i < SLOTS_PER_RANGE; i++) {
    owner.setUint16(2 * i, local.get(table.owner[from + i]!) ?? NONE, true);
    standby.setUint16(2 * i, local.get(table.standby[from + i]!) ?? NONE, true);
    slotEpoch.setUint32(4 * i, table.slotEpoch[from + i]!, true);
  }
  const members = order.map((index) => {
    const { incarnation, address, zone, cell } = table.members[index]!;
    return { incarnation, address, zone, cell };
  });
  const bytes = (view: DataView): Uint8Array => new Uint8Array(view.buffer);
  return {
    ring: table.ring,
    range,
    epoch: table.epoch,
    members,
    owner: bytes(owner),
    standby: bytes(standby),
    slot_epoch: bytes(slotEpoch),
  };
}

/** Whether two cuts of a range route alike, whatever their epochs. */
export function sameRoutes(a: SlotRange, b: SlotRange): boolean {
  return (
    Buffer.compare(a.owner, b.owner) === 0 &&
    Buffer.compare(a.standby, b.standby) === 0 &&
    Buffer.compare(a.slot_epoch, b.slot_epoch) === 0 &&
    JSON.stringify(a.members) === JSON.stringify(b.members)
  );
}

export function encodeWorkspace(entry: WorkspaceEntry): Buffer {
  const { displayName, limits, ...rest } = entry;
  return workspace.encode({
    ...rest,
    display_name: displayName,
    connections_limit: limits.connections,
    posts_per_second_limit: limits.postsPerSecond,
  });
}

export function decodeWorkspace(bytes: Uint8Array): WorkspaceEntry {
  const m = workspace.decode(bytes);
  if (!isWorkspaceId(m.id)) throw new TypeError(`${JSON.stringify(m.id)} is not a workspace id`);
  return {
    id: m.id,
    name: m.name,
    displayName: m.display_name,
    ring: m.ring,
    suspended: m.suspended,
    keys: m.keys,
    limits: { connections: m.connections_limit, postsPerSecond: m.posts_per_second_limit },
    generation: m.generation,
  };
}

export function encodeDrainOrder(order: DrainOrder): Buffer {
  const { keepPercent, spreadMs, ...rest } = order;
  return drainOrder.encode({ ...rest, keep_percent: keepPercent, spread_ms: spreadMs });
}

export function decodeDrainOrder(bytes: Uint8Array): DrainOrder {
  const m = drainOrder.decode(bytes);
  if (m.keep_percent > 100) throw new RangeError(`keep_percent is ${m.keep_percent}`);
  const { keep_percent, spread_ms, ...rest } = m;
  return { ...rest, keepPercent: keep_percent, spreadMs: spread_ms };
}

/** A resource in a form for people, by its type URL; undefined when it is none of ours. Throws on malformed bytes. */
export function describeResource(type: string, bytes: Uint8Array): unknown {
  if (type === TYPE_URLS.workspace) return decodeWorkspace(bytes);
  if (type === TYPE_URLS.drainOrder) return decodeDrainOrder(bytes);
  return type === TYPE_URLS.slotRange ? describeSlotRange(decodeSlotRange(bytes)) : undefined;
}

/** The columns turned round: by member, the slots that it owns and stands by for, such as `256-258,300`. */
function describeSlotRange({ ring, range, epoch, members, owner, standby }: SlotRange): object {
  const slotsOf = (column: Uint8Array, index: number): string => {
    const slots = Array.from({ length: SLOTS_PER_RANGE }, (_, i) => i).filter((i) => u16(column, i) === index);
    return formatRuns(slots.map((i) => range * SLOTS_PER_RANGE + i));
  };
  return {
    ...{ ring, range, epoch, withoutOwner: slotsOf(owner, NONE) },
    members: members.map((m, index) => ({ ...m, owns: slotsOf(owner, index), standsByFor: slotsOf(standby, index) })),
  };
}

/** Ascending numbers as `1-3,7`. */
function formatRuns(numbers: readonly number[]): string {
  const runs: [first: number, last: number][] = [];
  for (const n of numbers) {
    const run = runs.at(-1);
    if (run?.[1] === n - 1) run[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join();
}

export { slotRangeName, TYPE_URLS };
