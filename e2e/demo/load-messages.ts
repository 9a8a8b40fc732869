/** What the demo and its load process say to each other over IPC. */

export interface LoadPlan {
  edges: { zone: string; url: string }[];
  /** Folder that each client writes its history into. */
  historyDir: string;
  clients: LoadClient[];
  /** Mean time between two posts of one client, in milliseconds. */
  postEveryMs: number;
}

export interface LoadClient {
  name: string;
  workspace: string;
  user: string;
  token: string;
  /** Channels that it posts to. */
  channels: string[];
}

export type ToLoad =
  | { type: 'start'; plan: LoadPlan }
  /** From now on for `forMs`, posts are measured for `failoverGapMs`. */
  | { type: 'watch-gap'; forMs: number }
  /** No more posts; wait until all is acknowledged and quiet, close, report. */
  | { type: 'stop' };

export interface LoadFigures {
  connected: number;
  sent: number;
  acknowledged: number;
  delivered: number;
  resumes: number;
  httpRequests: number;
  httpFailures: number;
  /** Longest time from post to acknowledgement in the watched window; 0 without one. */
  failoverGapMs: number;
  /** The first failures of requests, for the report. */
  failures: string[];
}

export type FromLoad = { type: 'figures' | 'stopped'; figures: LoadFigures } | { type: 'failed'; message: string };
