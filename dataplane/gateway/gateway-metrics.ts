/** What the gateway's core counts. Prometheus behind it in production. */
export interface GatewayMetrics {
  /** A session opened (+1) or closed (−1). */
  sockets(change: 1 | -1): void;
  closed(code: number): void;
  slowConsumer(): void;
  /** `resumed`: with a resume token; otherwise with a ticket. */
  connected(resumed: boolean): void;
  posted(outcome: 'ok' | 'error'): void;
  /** Time of the event to the hand-over to the last socket, in seconds. */
  delivered(seconds: number): void;
}

export const noMetrics: GatewayMetrics = {
  sockets: () => undefined,
  closed: () => undefined,
  slowConsumer: () => undefined,
  connected: () => undefined,
  posted: () => undefined,
  delivered: () => undefined,
};
