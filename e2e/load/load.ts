/** The load process: many clients that post and read, told what to do over IPC. See load-messages.ts. */
import { join } from 'node:path';
import { LoadClient, type LoadCounters } from './load-client.ts';
import type { FromLoad, LoadFigures, LoadPlan, ToLoad, Watch } from './load-messages.ts';

const CONNECT_AT_ONCE = 20;
const FIGURES_MS = 500;
const QUIET_MS = 2_000;
const SETTLE_MS = 60_000;
const WATCHERS = 3;

const say = (message: FromLoad): void => void process.send?.(message);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class LoadRun {
  readonly #plan: LoadPlan;
  readonly #clients: LoadClient[];
  #posting = true;
  #watch: (Watch & { from: number }) | undefined;
  #longestPostMs = 0;
  #slowestMs: Record<string, number> = {};
  #gapsMs: Record<string, number> = {};
  readonly #counters: LoadCounters = {
    sent: 0,
    acknowledged: 0,
    delivered: 0,
    httpRequests: 0,
    httpFailures: 0,
    failuresByEdge: {},
    failures: [],
    acked: (topic, sentAt) => this.#acked(topic, sentAt),
  };

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    const urls = plan.edges.map((e) => e.url);
    this.#clients = plan.clients.map((client, i) => {
      const first = i % urls.length;
      const edges = [...urls.slice(first), ...urls.slice(0, first)];
      const file = join(plan.historyDir, `${client.name}.jsonl`);
      return new LoadClient(client, { edges, file, counters: this.#counters });
    });
  }

  async start(): Promise<void> {
    setInterval(() => say({ type: 'figures', figures: this.#figures() }), FIGURES_MS).unref();
    for (let i = 0; i < this.#clients.length; i += CONNECT_AT_ONCE)
      await Promise.all(this.#clients.slice(i, i + CONNECT_AT_ONCE).map((c) => c.connect()));
    for (const client of this.#clients) void this.#postNowAndThen(client);
  }

  watch(watch: Watch): void {
    this.#watch = { ...watch, from: performance.now() };
    this.#longestPostMs = 0;
    this.#slowestMs = {};
    this.#gapsMs = {};
    for (const topic of watch.topics) this.#postTo(topic, watch.edges);
  }

  #postTo(topic: string, edges: readonly string[] | undefined): void {
    const able = this.#clients.filter(
      (c) => c.isReady && c.isIn(topic) && (edges === undefined || edges.includes(c.homeEdge)),
    );
    if (able.length === 0) throw new Error(`no client can post to ${topic}`);
    // Some of them may be on a path that the fault has cut too.
    for (const client of able.slice(0, WATCHERS)) {
      client.post({ channel: topic, by: 'socket' });
      client.post({ channel: topic, by: 'http' });
    }
  }

  #acked(topic: string, sentAt: number): void {
    const watch = this.#watch;
    if (watch === undefined) return;
    const now = performance.now();
    // Open at the start, or sent in the time after it: acknowledged after the start and sent before the time was over.
    if (sentAt <= watch.from + watch.forMs) {
      this.#longestPostMs = Math.max(this.#longestPostMs, now - sentAt);
      this.#slowestMs[topic] = Math.max(this.#slowestMs[topic] ?? 0, now - sentAt);
    }
    if (sentAt >= watch.from && watch.topics.includes(topic)) this.#gapsMs[topic] ??= Date.now() - watch.atMs;
  }

  async stop(): Promise<void> {
    this.#posting = false;
    const deadline = performance.now() + SETTLE_MS;
    while (performance.now() < deadline && !this.#clients.every((c) => c.isQuiet(QUIET_MS))) await pause(100);
    const restless = this.#clients.filter((c) => !c.isQuiet(QUIET_MS)).map((c) => c.name);
    await Promise.all(this.#clients.map((c) => c.close(!restless.includes(c.name))));
    // The checker asks less of a history that is not settled: that must not pass for a good run.
    if (restless.length > 0) throw new Error(`${restless.length} clients did not come to rest: ${restless.join(', ')}`);
    process.send?.({ type: 'stopped', figures: this.#figures() } satisfies FromLoad, () => process.exit(0));
  }

  async #postNowAndThen(client: LoadClient): Promise<void> {
    await pause(Math.random() * this.#plan.postEveryMs);
    while (this.#posting) {
      client.post();
      await pause((0.5 + Math.random()) * this.#plan.postEveryMs);
    }
  }

  #figures(): LoadFigures {
    const { acked: _, ...counters } = this.#counters;
    return {
      ...counters,
      connected: this.#clients.filter((c) => c.isReady).length,
      resumes: this.#clients.reduce((sum, c) => sum + c.resumes, 0),
      ...(this.#watch === undefined ? {} : { watchedAtMs: this.#watch.atMs }),
      longestPostMs: this.#longestPostMs,
      slowestMs: this.#slowestMs,
      gapsMs: this.#gapsMs,
    };
  }
}

let run: LoadRun | undefined;
const failed = (e: unknown): void =>
  say({ type: 'failed', message: e instanceof Error ? (e.stack ?? e.message) : String(e) });

process.on('message', (message: ToLoad) => {
  switch (message.type) {
    case 'start':
      run = new LoadRun(message.plan);
      run.start().catch(failed);
      return;
    case 'watch':
      try {
        run?.watch(message.watch);
      } catch (e: unknown) {
        failed(e);
      }
      return;
    case 'stop':
      run?.stop().catch(failed);
  }
});
process.on('disconnect', () => process.exit(1)); // whoever started it is gone
