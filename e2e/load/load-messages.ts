/** What a run and its load process say to each other over IPC. */

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
  | { type: 'watch'; watch: Watch }
  /** No more posts; wait until all is acknowledged and quiet, close, report. */
  | { type: 'stop' };

/** Measure what a fault does to posts. */
export interface Watch {
  /** When the fault struck, in ms since 1970 on this machine's clock. */
  atMs: number;
  /** `longestPostMs` covers the posts that were open at the start, and those sent in this time after it. */
  forMs: number;
  /** Each is posted to at once, by a socket and by HTTP, so that `gapsMs` does not wait for somebody to post. */
  topics: string[];
  /** Only clients at home there, and requests through them, make those posts. All edges when absent. */
  edges?: string[];
}

export interface LoadFigures {
  connected: number;
  sent: number;
  acknowledged: number;
  delivered: number;
  resumes: number;
  httpRequests: number;
  httpFailures: number;
  /** Failed requests by the edge that they went through. */
  failuresByEdge: Record<string, number>;
  /** `atMs` of the watch that the next two are of; undefined without one. */
  watchedAtMs?: number;
  /** Longest time from post to acknowledgement in the watched window; 0 without one. */
  longestPostMs: number;
  /** Of each topic: the longest time from post to acknowledgement in the watched window. */
  slowestMs: Record<string, number>;
  /** Of each watched topic: from the fault to the first acknowledgement of a post that was sent after it. */
  gapsMs: Record<string, number>;
  /** The first failures of requests, for the report. */
  failures: string[];
}

export type FromLoad = { type: 'figures' | 'stopped'; figures: LoadFigures } | { type: 'failed'; message: string };
