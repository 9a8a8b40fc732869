/**
 * Bugs that can be switched on in the code under test, so that the simulation proves it would find them. Test-only:
 * nothing sets them in production. Each is one `if` at the place where the mistake would be made.
 */
export type Plant =
  /** A post is answered when it is numbered, before the store has it. */
  | 'ack-before-store'
  /** Batches are appended with an empty list of fences: the store then checks no owner (the simulated one obeys). */
  | 'no-fence'
  /** A batch that the fence refused is answered and fanned out all the same. */
  | 'stale-owner-fanout'
  /** Posts queued when their slot is frozen for a handoff are answered as done and dropped. */
  | 'lost-on-move'
  /** The client key is ignored: a retry is a second message. */
  | 'retry-twice'
  /** The end of a membership is not marked on its event: gateways go on sending to the kicked user. */
  | 'late-kick';

export type Plants = ReadonlySet<Plant>;
export const NO_PLANTS: Plants = new Set();
