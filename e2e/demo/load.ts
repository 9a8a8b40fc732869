/** The load process: many clients that post and read, told what to do over IPC. See load-messages.ts. */
import { join } from 'node:path';
import { LoadClient, type LoadCounters } from './load-client.ts';
import type { FromLoad, LoadFigures, LoadPlan, ToLoad } from './load-messages.ts';

const CONNECT_AT_ONCE = 20;
const FIGURES_MS = 500;
const QUIET_MS = 2_000;
const SETTLE_MS = 60_000;

const say = (message: FromLoad): void => void process.send?.(message);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class LoadRun {
  readonly #plan: LoadPlan;
  readonly #clients: LoadClient[];
  #posting = true;
  #watchFrom = Number.POSITIVE_INFINITY;
  #watchUntil = 0;
  #failoverGapMs = 0;
  readonly #counters: LoadCounters = {
    sent: 0,
    acknowledged: 0,
    delivered: 0,
    httpRequests: 0,
    httpFailures: 0,
    failures: [],
    // Open at the mark, or sent in the time after it: acknowledged after the mark and sent before the time was over.
    tookMs: (ms) => {
      if (performance.now() >= this.#watchFrom && performance.now() - ms <= this.#watchUntil)
        this.#failoverGapMs = Math.max(this.#failoverGapMs, ms);
    },
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

  watchGap(forMs: number): void {
    this.#failoverGapMs = 0;
    this.#watchFrom = performance.now();
    this.#watchUntil = this.#watchFrom + forMs;
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
    const { tookMs: _, ...counters } = this.#counters;
    return {
      ...counters,
      connected: this.#clients.filter((c) => c.isReady).length,
      resumes: this.#clients.reduce((sum, c) => sum + c.resumes, 0),
      failoverGapMs: this.#failoverGapMs,
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
    case 'watch-gap':
      run?.watchGap(message.forMs);
      return;
    case 'stop':
      run?.stop().catch(failed);
  }
});
process.on('disconnect', () => process.exit(1)); // whoever started it is gone
