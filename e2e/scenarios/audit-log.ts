/** Who wrote what, from the lines of the API server's audit log. Pure. */

interface Entry {
  verb: string;
  requestReceivedTimestamp: string;
  user: { username: string };
  objectRef?: { resource: string; subresource?: string };
}

/**
 * Writes from `from` to `to` (ms since 1970) by user and `verb resource[/subresource]`, leases aside. Reads are not in
 * the log (see the audit policy in e2e/cluster/control-plane.ts).
 */
export function writesByUser(log: string, from: number, to: number): Map<string, Map<string, number>> {
  const writes = new Map<string, Map<string, number>>();
  for (const line of log.split('\n')) {
    if (!line.endsWith('}')) continue; // the last one may be half written
    const { verb, requestReceivedTimestamp, user, objectRef } = JSON.parse(line) as Entry;
    const at = Date.parse(requestReceivedTimestamp);
    if (at < from || at > to || objectRef?.resource === 'leases') continue;
    const { resource, subresource } = objectRef ?? { resource: 'none' };
    const what = `${verb} ${subresource === undefined ? resource : `${resource}/${subresource}`}`;
    const ofUser = writes.get(user.username) ?? new Map<string, number>();
    writes.set(user.username, ofUser.set(what, (ofUser.get(what) ?? 0) + 1));
  }
  return writes;
}
