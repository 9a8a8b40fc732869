/**
 * Bugs that can be switched on in the code under test, so that the simulation proves it would find them. Test-only:
 * nothing sets them in production. Each is one `if` at the place where the mistake would be made.
 */
export type Plant =
  // channel server
  /** A post is answered when it is numbered, before the store has it. */
  | 'ack-before-store'
  /** An event is sent to subscribers when it is numbered, before the store has it. */
  | 'fan-out-before-store'
  /** Batches are appended with an empty list of fences: the store then checks no owner (the simulated one obeys). */
  | 'no-fence'
  /** A batch that the fence refused is fanned out all the same. */
  | 'stale-owner-fanout'
  /** A batch that the fence refused is answered as if it were stored. */
  | 'frozen-owner-acks'
  /** Posts queued when their slot is frozen for a handoff are answered as done and dropped. */
  | 'lost-on-move'
  /** The client key is ignored: a retry is a second message. */
  | 'retry-twice'
  /** The end of a membership is not marked on its event: gateways go on sending to the kicked user. */
  | 'late-kick'
  /** Silence of the whole store counts as the death of everybody. */
  | 'failover-on-dead-store'
  /** A catch-up from memory ignores deletes: the deleted text is sent again. */
  | 'deleted-text-revived'
  // gateway
  /** A resumed session is taken up one event too late. */
  | 'resume-skips'
  /** A topic that the owner denies to the user stays subscribed. */
  | 'denial-forgotten'
  // client
  /** What the server left out is passed over instead of being read from the history. */
  | 'gap-not-filled';

export type Plants = ReadonlySet<Plant>;
export const NO_PLANTS: Plants = new Set();
