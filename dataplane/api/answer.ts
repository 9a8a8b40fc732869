/** A failure as clients see it: Slack's envelope, the status, the headers. Nothing of the inside shows. Pure. */
import type { ChatError, ErrorCode } from '../../cells/contract/errors.ts';
import type { Result } from './method.ts';

export interface Failure {
  status: number;
  headers: Record<string, string>;
  body: Result;
  /** To be logged with its cause: a fault of ours, not of the request. */
  ours: boolean;
}

/** What the machinery behind us reports is one thing to a client: not now, try again. */
const PUBLIC_503: ReadonlySet<ErrorCode> = new Set(['service_unavailable', 'deadline_exceeded', 'overloaded']);
/** Codes whose message names what to mend in the request. */
const EXPLAINED: ReadonlySet<ErrorCode> = new Set(['invalid_arguments', 'unknown_method']);

export function failureOf(error: ChatError): Failure {
  const status = error.httpStatus;
  if (status === 429) {
    const seconds = Number(error.details.retryAfterSeconds ?? 1);
    return failure(429, 'ratelimited', { 'retry-after': String(seconds) });
  }
  if (status === 503) {
    const code = PUBLIC_503.has(error.code) ? error.code : 'service_unavailable';
    return { ...failure(503, code, { 'retry-after': '1' }), ours: true };
  }
  if (status >= 500) return { ...failure(status, 'internal_error'), ours: true };
  const explained = EXPLAINED.has(error.code) ? { response_metadata: { messages: [`[ERROR] ${error.message}`] } } : {};
  return failure(status, error.code, {}, explained);
}

const failure = (
  status: number,
  code: ErrorCode,
  headers: Record<string, string> = {},
  extra: Result = {},
): Failure => ({ status, headers, body: { ok: false, error: code, ...extra }, ours: false });
