/**
 * Group commit: one transaction in flight; the batches of all topics that are ready when it ends go into the next. So
 * an idle server writes at once, and a busy one writes more rows a transaction instead of more transactions.
 */
import { type Clock, type Random, sleep } from '../../cells/contract/clock.ts';
import { ChatError, hasCode } from '../../cells/contract/errors.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { backoffMs } from '../links/backoff.ts';
import type { Plants } from '../protocol/plants.ts';
import type { Fence, LogEntry, Store } from '../storage/store.ts';
import type { ChannelMetrics } from './metrics.ts';
import { charsOf, type TopicWriter } from './topic-writer.ts';

const MAX_ROWS = 512;
/** Of payload, in UTF-16 units, before the last topic's batch: far from what a store takes in one piece. */
const MAX_CHARS = 2 * 1024 * 1024;
const RETRY_BASE_MS = 50;
const RETRY_MAX_MS = 1_000;

export interface BatcherOptions {
  store: Store;
  /** The incarnation that the fences must name. */
  owner: string;
  ring: string;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: ChannelMetrics;
  plants: Plants;
  /** These claims are void: somebody has claimed the slots since, perhaps this server itself. */
  fenced(claims: readonly { slot: number; epoch: number }[]): void;
}

interface Part {
  writer: TopicWriter;
  entries: LogEntry[];
}

export class Batcher {
  readonly #o: BatcherOptions;
  readonly #ready = new Set<TopicWriter>();
  #running = false;
  #closed = false;

  constructor(options: BatcherOptions) {
    this.#o = options;
  }

  offer(writer: TopicWriter): void {
    this.#ready.add(writer);
    if (this.#running) return;
    this.#running = true;
    // What arrives in the same turn shares the transaction.
    queueMicrotask(() => void this.#run());
  }

  /** Stops trying again; a transaction in flight still ends. */
  close(): void {
    this.#closed = true;
  }

  async #run(): Promise<void> {
    while (this.#ready.size > 0) {
      const parts = this.#take();
      if (parts.length > 0) await this.#commit(parts);
    }
    this.#running = false;
  }

  #take(): Part[] {
    const parts: Part[] = [];
    let [rows, chars] = [0, 0];
    for (const writer of [...this.#ready]) {
      if (rows >= MAX_ROWS || chars >= MAX_CHARS) break;
      this.#ready.delete(writer);
      const entries = writer.take();
      if (entries === undefined) continue;
      parts.push({ writer, entries });
      rows += entries.length;
      chars += charsOf(entries);
    }
    return parts;
  }

  /** Ends when every part is committed, refused or handed back to its writer. */
  async #commit(parts: readonly Part[]): Promise<void> {
    let left = parts;
    for (let failures = 0; left.length > 0; ) {
      const fences = this.#fencesOf(left);
      try {
        await this.#o.store.log.append(
          this.#o.owner,
          this.#o.plants.has('no-fence') ? [] : fences,
          left.flatMap((p) => p.entries),
        );
        this.#o.metrics.batchRows.observe(left.reduce((n, p) => n + p.entries.length, 0));
        for (const { writer } of left) writer.committed();
        return;
      } catch (e: unknown) {
        this.#o.metrics.appendFailures.inc({ code: ChatError.from(e).code });
        if (hasCode(e, 'store_unavailable')) {
          // Unknown outcome: the transaction is all there or not at all, so one row of each part tells.
          left = await this.#stillMissing(left, failures++);
          if (this.#closed) return this.#refuse(left);
        } else left = await this.#failed(left, e);
      }
    }
  }

  async #failed(parts: readonly Part[], e: unknown): Promise<readonly Part[]> {
    if (hasCode(e, 'fenced')) return this.#fenced(parts, e);
    if (parts.length > 1) {
      // One topic's trouble is not its neighbours': each goes by itself.
      for (const part of parts) await this.#commit([part]);
      return [];
    }
    for (const { writer, entries } of parts) {
      // Perhaps with ourselves: an append whose outcome was unknown may have committed after it was looked for.
      if (hasCode(e, 'store_conflict') && (await this.#isOurs(entries))) writer.committed();
      else if (hasCode(e, 'store_conflict')) await writer.conflicted();
      else writer.failed(e);
    }
    return [];
  }

  #fenced(parts: readonly Part[], e: ChatError): readonly Part[] {
    const slots = new Set((e.details.slots as number[] | undefined) ?? parts.map((p) => p.writer.topic.slot));
    const lost = parts.filter((p) => slots.has(p.writer.topic.slot));
    this.#o.fenced(this.#fencesOf(lost));
    for (const { writer } of lost) writer.plantFenced();
    this.#refuse(lost);
    return parts.filter((p) => !slots.has(p.writer.topic.slot));
  }

  #refuse(parts: readonly Part[]): void {
    for (const { writer } of parts) writer.refused();
  }

  /** Waits until the store answers; what turns out to be stored is committed, the rest returned. */
  async #stillMissing(parts: readonly Part[], failures: number): Promise<readonly Part[]> {
    for (let tries = failures; ; tries++) {
      await sleep(this.#o.clock, backoffMs(tries, RETRY_BASE_MS, RETRY_MAX_MS, this.#o.random));
      if (this.#closed) return parts;
      try {
        const stored = await Promise.all(parts.map((p) => this.#isStored(p.entries)));
        for (const [i, { writer }] of parts.entries()) if (stored[i]) writer.committed();
        return parts.filter((_, i) => !stored[i]);
      } catch (err: unknown) {
        if (tries === failures) this.#o.log.warn({ err }, 'store unavailable: holding what waits for it');
      }
    }
  }

  async #isOurs(entries: readonly LogEntry[]): Promise<boolean> {
    try {
      return await this.#isStored(entries);
    } catch {
      return false; // the writer reads again, until the store answers
    }
  }

  async #isStored(entries: readonly LogEntry[]): Promise<boolean> {
    const first = entries[0]!;
    const [row] = await this.#o.store.log.read(first.topic, first.seq - 1, 1);
    return row?.seq === first.seq && row.epoch === first.epoch && row.payload === first.payload;
  }

  #fencesOf(parts: readonly Part[]): Fence[] {
    const bySlot = new Map<number, Fence>();
    for (const { topic } of parts.map((p) => p.writer))
      bySlot.set(topic.slot, { ring: this.#o.ring, slot: topic.slot, epoch: topic.epoch });
    return [...bySlot.values()];
  }
}
