/**
 * What planned handoffs cost while a scenario runs. The servers' word: how long each slot paused, from its freeze at the
 * old owner until the new one served it. The clients' word: their slowest post to each channel.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { histogramOf, type PodAddress } from '../system/figures.ts';
import type { Round } from './round.ts';
import type { System } from './system.ts';
import { quantile } from './verdict.ts';

/** Promised of 99 of 100 slots. */
export const PAUSE_MS = 250;
const METRIC = 'ring_handoff_pause_seconds';
const POLL_MS = 500;
/** Longer than any scenario. */
const WATCH_MS = 3_600_000;

/** Observations by the upper bound of their bucket, in seconds: cumulative, as Prometheus has them. */
export type Buckets = ReadonlyMap<number, number>;

/** Does `work`, and notes in the round what the handoffs meanwhile cost. More than promised breaks the round. */
export async function notingPauses(system: System, round: Round, work: () => Promise<void>): Promise<void> {
  const pauses = new HandoffPauses(system);
  await pauses.begin();
  try {
    await work();
  } finally {
    await pauses.end(round);
  }
}

class HandoffPauses {
  readonly #system: System;
  readonly #before = new Map<string, Buckets>();
  readonly #last = new Map<string, Buckets>();
  #done = false;
  #polling: Promise<void> = Promise.resolve();

  constructor(system: System) {
    this.#system = system;
  }

  /** Polls from now on, since a server that is rolled takes its figures with it. */
  async begin(): Promise<void> {
    this.#system.load.watch({ atMs: Date.now(), forMs: WATCH_MS, topics: [] });
    await this.#poll();
    for (const [server, buckets] of this.#last) this.#before.set(server, buckets);
    this.#polling = this.#run();
  }

  async end(round: Round): Promise<void> {
    this.#done = true;
    await this.#polling;
    await this.#poll();
    const grown = [...this.#last].map(([pod, buckets]) => minus(buckets, this.#before.get(pod)));
    const { count, p50, p99 } = pausesOf(grown);
    round.note('slots_handed_over', count);
    const slowest = Object.values(this.#system.load.figures.slowestMs);
    const posts = quantile(slowest, 0.99);
    if (posts !== undefined) round.note('slowest_post_p99_ms', posts);
    if (p50 === undefined || p99 === undefined) return;
    round.note('handoff_pause_p50_ms', p50 * 1_000);
    round.note('handoff_pause_p99_ms', p99 * 1_000);
    round.say(`${count} slots were handed over, pause p50 ≤ ${p50 * 1_000}, p99 ≤ ${p99 * 1_000} ms`);
    round.expect(p99 * 1_000 <= PAUSE_MS, `the pause of a handed-over slot was up to ${p99 * 1_000} ms (p99)`);
  }

  async #run(): Promise<void> {
    while (!this.#done) {
      await pause(POLL_MS);
      await this.#poll();
    }
  }

  async #poll(): Promise<void> {
    const { members } = await this.#system.ring().catch(() => ({ members: [] }));
    await Promise.all(
      members.map(async ({ incarnation, pod, address }) => {
        const at: PodAddress = { name: pod, ip: address.slice(0, address.lastIndexOf(':')), cell: '' };
        const buckets = await histogramOf(at, METRIC);
        if (buckets !== undefined) this.#last.set(incarnation, buckets);
      }),
    );
  }
}

/** Quantiles in seconds, each the upper bound of its bucket: never less than what was. Undefined of nothing. */
export function pausesOf(servers: readonly Buckets[]): {
  count: number;
  p50: number | undefined;
  p99: number | undefined;
} {
  const sum = new Map<number, number>();
  for (const buckets of servers) for (const [le, n] of buckets) sum.set(le, (sum.get(le) ?? 0) + n);
  const bounds = [...sum].sort(([a], [b]) => a - b);
  const count = bounds.at(-1)?.[1] ?? 0;
  const at = (q: number): number | undefined => (count === 0 ? undefined : bounds.find(([, n]) => n >= q * count)?.[0]);
  return { count, p50: at(0.5), p99: at(0.99) };
}

const minus = (after: Buckets, before: Buckets | undefined): Buckets =>
  new Map([...after].map(([le, n]) => [le, n - (before?.get(le) ?? 0)]));
