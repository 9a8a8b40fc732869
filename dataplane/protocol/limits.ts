/** Limits of the client protocol. */
export const LIMITS = {
  frameBytes: 64 * 1024,
  textCharacters: 40_000,
  clientMsgIdCharacters: 255,
  postsPerSecond: 20,
  heartbeatMs: 30_000,
  ticketMs: 30_000,
  resumeTokenMs: 24 * 3_600_000,
  historyDefault: 100,
  historyMax: 999,
  /** A resume that would replay more events of one topic gets a `gap` instead. */
  replayEvents: 1_000,
} as const;
