/** What an error of MySQL, vtgate or the connection means. Pure. */
import { ChatError } from '../errors.ts';

const ER = {
  duplicate: 1062,
  packetTooLarge: 1153,
  lockWaitTimeout: 1205,
  deadlock: 1213,
} as const;

/** Statements that the server refuses for what they say: trying again is no use. */
const REFUSED: ReadonlySet<number> = new Set([
  1048, // column cannot be null
  1054, // unknown column
  1064, // syntax
  1136, // column count
  ER.packetTooLarge,
  1264, // out of range
  1292, // incorrect value
  1364, // no default
  1366, // incorrect value for column
  1406, // data too long
  3140, // invalid JSON text
  3141, // invalid JSON text in argument
]);

/** Above the range of the server's own numbers come those of the client. */
const errno = (e: unknown): number | undefined =>
  e instanceof Error && 'errno' in e && typeof e.errno === 'number' ? e.errno : undefined;

/** The server answered with an error and has rolled the statement, or the whole transaction, back. */
export const isLockFailure = (e: unknown): boolean => {
  const n = errno(e);
  return n === ER.deadlock || n === ER.lockWaitTimeout;
};

/**
 * Whether the connection may be used again after ROLLBACK: after our own decision to roll back, or an error that the
 * server attributes to the statement. After anything else its state is unknown.
 */
export function connectionIsUsable(e: unknown): boolean {
  if (e instanceof ChatError) return true;
  const n = errno(e);
  if (n === ER.packetTooLarge) return false; // the server hangs up
  return n === ER.duplicate || isLockFailure(e) || (n !== undefined && REFUSED.has(n));
}

export function mysqlError(e: unknown): ChatError {
  if (e instanceof ChatError) return e;
  const n = errno(e);
  if (n === ER.duplicate) return new ChatError('store_conflict', {}, e);
  if (n !== undefined && REFUSED.has(n)) return new ChatError('internal_error', {}, e);
  if (e instanceof TypeError || e instanceof RangeError) return new ChatError('internal_error', {}, e); // a bug of ours
  return new ChatError('store_unavailable', {}, e);
}
