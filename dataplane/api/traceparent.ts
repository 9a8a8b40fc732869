/** W3C `traceparent`: the client's trace goes with its request to the owner, and with the event to every gateway. */
import type { Trace } from '../protocol/frames.ts';

const HEADER = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Undefined when there is none or it is malformed: a trace is never worth an error. */
export function parseTraceparent(header: string | undefined): Trace | undefined {
  const match = header === undefined ? null : HEADER.exec(header);
  if (match === null || /^0+$/.test(match[1]!) || /^0+$/.test(match[2]!)) return undefined;
  return { traceId: match[1]!, spanId: match[2]!, flags: Number.parseInt(match[3]!, 16) };
}
