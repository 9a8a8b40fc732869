/** Users of `chatctl token`: by id, or by a name that always gives the same id. */
import { createHash } from 'node:crypto';
import { isUserId, type UserId, userId } from '../cells/contract/ids.ts';

/** Shorter ones are names: "UMA" is a name, a Snowflake's text has more characters. */
const MIN_ID_CHARACTERS = 9;
const BITS = 62n;

/**
 * `U` + base 36 of the first 62 bits of SHA-256 over `<workspace id>/<name in lower case>`: the same name is the same
 * user of a workspace on every machine, and another one in another workspace.
 */
export function deriveUserId(workspaceId: string, name: string): UserId {
  const digest = createHash('sha256').update(`${workspaceId}/${name.toLowerCase()}`).digest();
  return userId(digest.readBigUInt64BE() >> (64n - BITS));
}

export function resolveUser(workspaceId: string, user: string): { id: UserId; name: string | undefined } {
  if (isUserId(user) && user.length >= MIN_ID_CHARACTERS) return { id: user, name: undefined };
  return { id: deriveUserId(workspaceId, user), name: user };
}
