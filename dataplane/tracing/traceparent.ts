/** W3C trace context, https://www.w3.org/TR/trace-context/: the header's text and back. */
import type { Trace } from '../protocol/frames.ts';

const PATTERN = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** Undefined for what is no valid traceparent: a caller's bad header never fails its request. */
export function parseTraceparent(text: unknown): Trace | undefined {
  if (typeof text !== 'string' || text.length > 256) return undefined;
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, traceId, spanId, flags] = match as unknown as [string, string, string, string];
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

export const formatTraceparent = (trace: Trace): string =>
  `00-${trace.traceId}-${trace.spanId}-${trace.flags.toString(16).padStart(2, '0')}`;
