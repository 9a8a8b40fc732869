/**
 * The binary header of every frame between dataplane processes; the body behind it is untouched JSON text. Events are
 * encoded once, at the owner, and never parsed on their way.
 *
 *   0 u8 version   1 u8 kind     2 u16 slot       4 u32 request id (0: none)   8 u32 slot epoch   12 u32 flags
 *  16 u64 topic   24 f64 seq    32 16 B trace id  48 8 B span id  56 u8 trace flags  57 u8 topic's prefix letter
 *  58 6 B zero    64 body
 * All numbers little-endian.
 */
import { type IdKind, numberOf, type TopicId, topicId } from '../../cells/contract/ids.ts';

export const FRAME_VERSION = 1;
export const HEADER_BYTES = 64;

export const KIND = {
  /** First frame each way. Body: Hello. */
  hello: 1,
  /** Body: Request. Answered by `response` with the same request id. */
  request: 2,
  /** Body: Response. */
  response: 3,
  /** A durable event of the topic. Body: the event's JSON text. Sent in seq order per topic and link. */
  event: 4,
  /** A transient event (typing): never stored, may be dropped. Body: JSON text. */
  transient: 5,
  /** The gateway no longer has a subscriber of the topic. No body, no answer. */
  unsubscribe: 6,
  /** From a channel server: it has claimed these slots and serves them. Body: Owned. */
  owned: 7,
  /** With FLAG.tellsArrived: seq is the number of events received on this link, the request id its round trip in µs. */
  ping: 8,
  pong: 9,
} as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

export const FLAG = {
  /** The event makes a user a member, or ends it: the first 8 bytes of the body are the user's number, JSON follows. */
  memberJoined: 1,
  memberLeft: 2,
  tellsArrived: 4,
} as const;

export interface Header {
  kind: Kind;
  slot: number;
  requestId: number;
  epoch: number;
  flags: number;
  topic: TopicId | undefined;
  seq: number;
  trace: Trace | undefined;
}

/** W3C trace context. */
export interface Trace {
  /** 32 hex digits. */
  traceId: string;
  /** 16 hex digits. */
  spanId: string;
  flags: number;
}

export function encodeFrame(header: Partial<Header> & { kind: Kind }, body: Uint8Array | string = ''): Buffer {
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  const out = Buffer.allocUnsafe(HEADER_BYTES + length).fill(0, 0, HEADER_BYTES);
  out[0] = FRAME_VERSION;
  out[1] = header.kind;
  out.writeUInt16LE(header.slot ?? 0, 2);
  out.writeUInt32LE(header.requestId ?? 0, 4);
  out.writeUInt32LE(header.epoch ?? 0, 8);
  out.writeUInt32LE(header.flags ?? 0, 12);
  if (header.topic !== undefined) {
    out.writeBigUInt64LE(numberOf(header.topic), 16);
    out[57] = header.topic.charCodeAt(0);
  }
  out.writeDoubleLE(header.seq ?? 0, 24);
  if (header.trace !== undefined) {
    out.write(header.trace.traceId, 32, 16, 'hex');
    out.write(header.trace.spanId, 48, 8, 'hex');
    out[56] = header.trace.flags;
  }
  // Text goes straight to its place: every event passes here, and a copy beside it would be thrown away.
  if (typeof body === 'string') out.write(body, HEADER_BYTES);
  else out.set(body, HEADER_BYTES);
  return out;
}

/** Undefined when it is no frame of a known version: the link is then to be closed. */
export function decodeHeader(frame: Uint8Array): Header | undefined {
  if (frame.length < HEADER_BYTES || frame[0] !== FRAME_VERSION) return undefined;
  const b = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const prefix = b[57]!;
  return {
    kind: b[1] as Kind,
    slot: b.readUInt16LE(2),
    requestId: b.readUInt32LE(4),
    epoch: b.readUInt32LE(8),
    flags: b.readUInt32LE(12),
    topic: prefix === 0 ? undefined : topicId(String.fromCharCode(prefix) as IdKind, b.readBigUInt64LE(16)),
    seq: b.readDoubleLE(24),
    trace: readTrace(b),
  };
}

/** Most frames have none: told apart before any text is made. */
function readTrace(b: Buffer): Trace | undefined {
  const has = b.readUInt32LE(32) | b.readUInt32LE(36) | b.readUInt32LE(40) | b.readUInt32LE(44);
  if (has === 0) return undefined;
  return { traceId: b.toString('hex', 32, 48), spanId: b.toString('hex', 48, 56), flags: b[56]! };
}

export const bodyOf = (frame: Uint8Array): Buffer =>
  Buffer.from(frame.buffer, frame.byteOffset + HEADER_BYTES, frame.byteLength - HEADER_BYTES);
