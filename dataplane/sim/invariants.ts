/**
 * The rules that a run must keep, by the invariant of ARCHITECTURE.md that each watches over. The first to break ends
 * the run. What the history checker finds at the end has its own names: lost, duplicated, reordered, foreign,
 * after_kick, log_broken (see dataplane/client/history).
 */
export const RULE = {
  // 1: an acknowledged event is never lost
  storedBeforeAck: 'what is acknowledged is stored',
  storedBeforeFanOut: 'what is fanned out is stored',
  // 2: one order, no gap, none twice
  noHole: 'a session leaves nothing out',
  everyMember: 'every message reaches every member',
  deletedStaysDeleted: 'a deleted text is not sent again',
  // 3: a retried post is one message
  oneMessage: 'a client_msg_id is stored once',
  // 4: after a claim no lower epoch writes; and a woken old owner neither answers nor fans out
  claimsRise: 'claims only rise',
  noLowerWrite: 'no write of a lower epoch after a claim',
  fencedAck: 'a fenced owner acknowledges nothing',
  fencedFanOut: 'a fenced owner fans nothing out',
  // 5: tenants are apart
  tenants: 'tenants are apart',
  // a dead or slow store causes no failover
  storeFailover: 'a sick store causes no failover',
  // 9 and common sense
  noCrash: 'no process crashes',
  memberMay: 'a member may do what members may',
  answered: 'everything is answered once faults have healed',
  atRest: 'clients come to rest',
} as const;
export type Rule = (typeof RULE)[keyof typeof RULE];
