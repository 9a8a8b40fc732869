/** WebSocket close codes: 4000–4499 reconnect and resume, 4500–4999 stop. */
export const CLOSE = {
  goingAway: 4000,
  drain: 4001,
  slowConsumer: 4002,
  heartbeatMissed: 4003,
  authRevoked: 4500,
  workspaceSuspended: 4501,
  badFrame: 4502,
  tooLarge: 4503,
  rateAbused: 4504,
} as const;

/** Whether a client is to reconnect: our range, and what networks and proxies cause (1001, 1006, 1011–1014). */
export const shouldReconnect = (code: number): boolean => code < 4500;

/** Whether the socket ended although neither its client nor a plan or verdict of ours wanted it. */
export const isDisconnect = (code: number): boolean => !WANTED.has(code) && code < 4500;
const WANTED: ReadonlySet<number> = new Set([1000, 1001, CLOSE.goingAway, CLOSE.drain]);
