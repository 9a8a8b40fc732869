/** Cursors: opaque to clients, base64 of `<what>:<value>` as Slack's. */
import { ChatError } from '../../cells/contract/errors.ts';

export const encodeCursor = (what: string, value: string): string => Buffer.from(`${what}:${value}`).toString('base64');

/** The value of a cursor that `encodeCursor(what, …)` made and `check` accepts; rejects with `invalid_cursor`. */
export function decodeCursor<T>(what: string, cursor: string, check: (value: string) => T | undefined): T {
  if (cursor.length <= 200 && /^[A-Za-z0-9+/]+=*$/.test(cursor)) {
    const text = Buffer.from(cursor, 'base64').toString();
    const value = text.startsWith(`${what}:`) ? check(text.slice(what.length + 1)) : undefined;
    if (value !== undefined) return value;
  }
  throw new ChatError('invalid_cursor');
}

/** Slack's place for the cursor of the next page: empty on the last one. */
export const nextCursor = (cursor: string): { response_metadata: { next_cursor: string } } => ({
  response_metadata: { next_cursor: cursor },
});
