/** Limits of the client protocol. */
export const LIMITS = {
  frameBytes: 64 * 1024,
  textCharacters: 40_000,
  blocks: 50,
  /** All blocks of a message, as JSON. */
  blocksCharacters: 100_000,
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

/** A client_msg_id of a client. A key of ours starts with "~", so that no client can take one. */
export const CLIENT_MSG_ID = /^[0-9A-Za-z][0-9A-Za-z._:-]{0,63}$/;
