/**
 * What a client writes down while it runs, and what the checker says about it afterwards. One JSON object a line in
 * files; the same shapes in memory in the simulation. All ids are their public text.
 */

/**
 * One entry of a client's history, in the order in which the client saw it. `topic` is a channel, user or workspace.
 * - `open`: first record of every client.
 * - `subscribed`: the view of the topic starts; events with a seq above `seq` are owed. `fresh` marks a new session
 *   that could not resume: what lies between the last event and `seq` was not owed to it.
 * - `event`: handed to the application, after de-duplication. `hash` is payloadHash of the event's JSON text; absent
 *   when the event was read from the history to fill a gap (`filled`), since an edit may have changed its text.
 * - `duplicate`: came again and was dropped by the client's de-duplication.
 * - `sent`: first attempt of a post. `ack`: its result. An ack over the socket is the delivery of that seq.
 * - `disconnected`, `resumed`: the socket was lost; it was taken up where it ended.
 * - `left`: the client was told that it no longer has the topic.
 * - `end`: `settled` says that the client was connected and waited until nothing more came: then everything that the
 *   log holds for it was due. Otherwise its view ends at the last event of each topic.
 */
export type HistoryRecord =
  | { kind: 'open'; client: string; workspace: string; user: string }
  | { kind: 'subscribed'; topic: string; seq: number; fresh?: boolean }
  | {
      kind: 'event';
      topic: string;
      seq: number;
      ts: string;
      type: string;
      client_msg_id?: string;
      hash?: string;
      filled?: boolean;
    }
  | { kind: 'duplicate'; topic: string; seq: number }
  | { kind: 'sent'; topic: string; client_msg_id: string }
  | { kind: 'ack'; topic: string; client_msg_id: string; ts: string; seq: number; via: 'socket' | 'http' }
  | { kind: 'disconnected'; code: number }
  | { kind: 'resumed'; replayed: number }
  | { kind: 'left'; topic: string }
  | { kind: 'end'; settled: boolean };

/** One row of the channel log as it stands afterwards, in any order. */
export interface LogRow {
  topic: string;
  workspace: string;
  seq: number;
  epoch: number;
  /** "<seconds>.<6 digits>" */
  ts: string;
  type: string;
  /** The acting user. */
  user?: string;
  client_msg_id?: string;
  /** payloadHash of the payload; absent when it was overwritten by a tombstone after it was sent. */
  hash?: string;
  /** The event makes `user` a member of the channel, or ends it. */
  member?: { user: string; joined: boolean };
}

export const FINDING_KINDS = ['lost', 'duplicated', 'reordered', 'foreign', 'after_kick', 'log_broken'] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

export interface Finding {
  kind: FindingKind;
  /** The client that saw it, or undefined when the log alone tells. */
  client?: string;
  topic: string;
  seq?: number;
  /** One sentence that names the event. */
  message: string;
  /** The shortest part of the history that shows it, oldest first. */
  history: string[];
}

/** Counts, each of something seen in the run. `log_broken` counts rows that break the log's own order. */
export type Verdict = {
  holds: boolean;
  clients: number;
  /** Posts tried, and posts with a result: distinct by client_msg_id. */
  sent: number;
  acknowledged: number;
  /** Events handed to applications, own posts by their ack included. */
  delivered: number;
  raw_duplicates: number;
  resumes: number;
  /** The first findings of each kind, `maxFindings` at most. */
  findings: Finding[];
} & Record<FindingKind, number>;
