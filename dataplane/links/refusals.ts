/**
 * Answers that refuse a request for now: the same request is to be sent again, perhaps to another server. A call is sent
 * again after any of them; a subscription, which has no deadline, goes by what the refusal is about.
 */
import { ERRORS, type ErrorCode } from '../../cells/contract/errors.ts';
import type { Response } from '../protocol/operations.ts';

/**
 * What it is about. `serving`: who serves the slot, or the way there; whoever comes to serve it says so, and so does a
 * link that comes up. `server`: trouble of the server or its store, for all it serves; nobody tells of its end. `topic`:
 * it says nothing of what else the slot and the server have.
 */
export type Refusal = 'serving' | 'server' | 'topic';

const OF_SLOT_OR_SERVER: Partial<Record<ErrorCode, Exclude<Refusal, 'topic'>>> = {
  moved: 'serving',
  not_ready: 'serving',
  fenced: 'serving',
  link_lost: 'serving',
  store_unavailable: 'server',
  store_conflict: 'server',
  overloaded: 'server',
  service_unavailable: 'server',
};

/** The topic's whole queue is to be sent again. Other errors that may pass are its caller's to try again. */
export const isRefusal = (response: Response): boolean =>
  !response.ok && OF_SLOT_OR_SERVER[response.error.code] !== undefined;

/** Undefined: asking again would not help. */
export const refusalOf = (code: ErrorCode): Refusal | undefined =>
  OF_SLOT_OR_SERVER[code] ?? (ERRORS[code].retryable ? 'topic' : undefined);
