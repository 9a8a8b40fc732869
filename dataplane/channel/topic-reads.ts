/** What topics read from the store when they come into memory, each kind in bulk. */
import { type Clock, type Random, sleep } from '../../cells/contract/clock.ts';
import type { TopicId, UserId, WorkspaceId } from '../../cells/contract/ids.ts';
import { backoffMs } from '../links/backoff.ts';
import type { ChannelRow, Head, Store } from '../storage/store.ts';
import { BulkReader } from './bulk-reader.ts';

const RETRY_BASE_MS = 50;
const RETRY_MAX_MS = 1_000;

interface OfTopic {
  topic: TopicId;
}

export class TopicReads {
  /** Until the store answers: what waits for a head times out at its caller, and the claim stays. */
  readonly heads: BulkReader<OfTopic, Head>;
  /** The others reject with `store_unavailable`. A channel is found whatever its workspace: the caller compares. */
  readonly channels: BulkReader<OfTopic, ChannelRow | undefined>;
  readonly projected: BulkReader<OfTopic, number>;
  readonly members: BulkReader<OfTopic & { user: UserId }, boolean>;
  /** Whether the user whose topic it is is one of the workspace's. */
  readonly homes: BulkReader<{ topic: UserId; workspace: WorkspaceId }, boolean>;
  #closed = false;

  constructor({ log, directory }: Pick<Store, 'log' | 'directory'>, clock: Clock, random: Random) {
    this.heads = new BulkReader(clock, async (queries) => {
      const topics = queries.map((q) => q.topic);
      for (let failures = 0; ; failures++) {
        try {
          const heads = await log.heads(topics);
          return topics.map((topic) => heads.get(topic) ?? { seq: 0, ts: 0n });
        } catch {
          if (this.#closed) return new Promise(() => {});
          await sleep(clock, backoffMs(failures, RETRY_BASE_MS, RETRY_MAX_MS, random));
        }
      }
    });
    this.channels = new BulkReader(clock, async (queries) => {
      const rows = await log.channels(queries.map((q) => q.topic));
      return queries.map(({ topic }) => rows.get(topic));
    });
    this.projected = new BulkReader(clock, async (queries) => {
      const seqs = await log.projectedSeqs(queries.map((q) => q.topic));
      return queries.map(({ topic }) => seqs.get(topic) ?? 0);
    });
    this.members = new BulkReader(clock, (queries) => log.areMembers(queries));
    this.homes = new BulkReader(clock, async (queries) => {
      const byWorkspace = Map.groupBy(queries, (q) => q.workspace);
      const found = new Map<WorkspaceId, ReadonlyMap<UserId, unknown>>();
      for (const [workspace, some] of byWorkspace)
        found.set(workspace, await directory.users(workspace, [...new Set(some.map((q) => q.topic))]));
      return queries.map(({ topic, workspace }) => found.get(workspace)!.has(topic));
    });
  }

  /** Whatever is wanted of the topic is urgent: somebody waits for it. */
  hurry(topic: TopicId): void {
    for (const reader of [this.heads, this.channels, this.projected, this.members, this.homes]) reader.hurry(topic);
  }

  close(): void {
    this.#closed = true;
  }
}
