/** One client of the load: posts by the socket and by HTTP in turn, and writes down all that it sees. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HistoryRecord, JsonlWriter } from '../../dataplane/client/history/index.ts';
import { ChatClient, type ClientEvent } from '../../dataplane/client/index.ts';
import type { LoadClient as Plan } from './load-messages.ts';

export interface LoadCounters {
  sent: number;
  acknowledged: number;
  delivered: number;
  httpRequests: number;
  httpFailures: number;
  failuresByEdge: Record<string, number>;
  failures: string[];
  /** A post to the topic, first sent at `sentAt` of this process's clock, was acknowledged just now. */
  acked(topic: string, sentAt: number): void;
}

const HTTP_RETRY_MS = 250;
const MAX_HTTP_RETRY_MS = 2_000;
const HTTP_TIMEOUT_MS = 20_000;
const MAX_FAILURES_KEPT = 20;
/** What a post to a channel that one was kicked from is answered: no failure. The post is then never acknowledged. */
const OUT_OF_CHANNEL = new Set(['not_in_channel', 'channel_not_found']);

export class LoadClient {
  readonly #plan: Plan;
  readonly #edges: readonly string[];
  readonly #counters: LoadCounters;
  readonly #file: JsonlWriter<HistoryRecord>;
  readonly #client: ChatClient;
  readonly #channels: Set<string>;
  readonly #pending = new Set<Promise<void>>();
  #posts = 0;
  #lastEvent = performance.now();

  constructor(plan: Plan, at: { edges: readonly string[]; file: string; counters: LoadCounters }) {
    this.#plan = plan;
    this.#edges = at.edges;
    this.#counters = at.counters;
    this.#channels = new Set(plan.channels);
    this.#file = new JsonlWriter(at.file);
    const record = (entry: HistoryRecord): void => this.#file.write(entry);
    record({ kind: 'open', client: plan.name, workspace: plan.workspace, user: plan.user });
    this.#client = new ChatClient({
      edges: at.edges,
      token: plan.token,
      record,
      onEvent: (event) => this.#event(event),
    });
  }

  get name(): string {
    return this.#plan.name;
  }
  get isReady(): boolean {
    return this.#client.state === 'ready';
  }
  get resumes(): number {
    return this.#client.stats.resumes;
  }
  /** The edge that it connects to first. */
  get homeEdge(): string {
    return this.#edges[0]!;
  }
  isIn(channel: string): boolean {
    return this.#channels.has(channel);
  }
  /** Nothing is outstanding, and nothing came for `ms`. */
  isQuiet(ms: number): boolean {
    return this.isReady && this.#pending.size === 0 && performance.now() - this.#lastEvent >= ms;
  }

  connect(): Promise<void> {
    return this.#client.connect();
  }

  /** Starts one post, to any of its channels and by either way unless told; its result is counted when it comes. */
  post(how: { channel?: string; by?: 'socket' | 'http' } = {}): void {
    const channels = [...this.#channels];
    const channel = how.channel ?? channels[Math.floor(Math.random() * channels.length)];
    if (channel === undefined) return;
    const n = this.#posts++;
    const by = how.by ?? (n % 2 === 0 ? 'socket' : 'http');
    const text = `${this.#plan.name} says number ${n}: ${'lorem ipsum dolor sit amet '.repeat(3)}`;
    const began = performance.now();
    this.#counters.sent++;
    const work = (by === 'socket' ? this.#client.post(channel, text) : this.#postByHttp(channel, text)).then(
      () => {
        this.#counters.acknowledged++;
        this.#counters.acked(channel, began);
      },
      (e: unknown) => this.#refused(channel, e),
    );
    const tracked = work.finally(() => void this.#pending.delete(tracked));
    this.#pending.add(tracked);
  }

  /** The end of its history: it has seen all that there was, if `settled`. */
  async close(settled: boolean): Promise<void> {
    this.#file.write({ kind: 'end', settled });
    this.#client.close();
    await this.#file.close();
  }

  #event(event: ClientEvent): void {
    this.#lastEvent = performance.now();
    if (event.seq !== undefined) this.#counters.delivered++;
    const { channel } = event.fields;
    if (event.type === 'channel_left' && typeof channel === 'string') this.#channels.delete(channel);
  }

  #refused(channel: string, e: unknown): void {
    const code = (e as { code?: string }).code ?? String(e);
    if (OUT_OF_CHANNEL.has(code)) this.#channels.delete(channel);
    else this.#failed(`${this.#plan.name}: post refused: ${code}`);
  }

  #failed(text: string): void {
    if (this.#counters.failures.length < MAX_FAILURES_KEPT) this.#counters.failures.push(text);
  }

  /** Again under the same client_msg_id until it is answered; each attempt without an answer is a failed request. */
  async #postByHttp(channel: string, text: string): Promise<void> {
    const client_msg_id = randomUUID();
    this.#file.write({ kind: 'sent', topic: channel, client_msg_id });
    for (let attempt = 0; ; attempt++) {
      const edge = this.#edges[(this.#posts + attempt) % this.#edges.length]!;
      const answer = await this.#attempt(edge, { channel, text, client_msg_id });
      if (answer?.ok === true) {
        const { ts, seq } = answer as { ts: string; seq: number };
        this.#file.write({ kind: 'ack', topic: channel, client_msg_id, ts, seq, via: 'http' });
        return;
      }
      // A limit is no failure, and no refusal either: the post is owed.
      if (answer !== undefined && answer.error !== 'ratelimited')
        throw Object.assign(new Error(String(answer.error)), { code: String(answer.error) });
      await sleep(Math.min(MAX_HTTP_RETRY_MS, HTTP_RETRY_MS * (attempt + 1)));
    }
  }

  /** Undefined when it was not answered, or by 5xx. */
  async #attempt(edge: string, args: Record<string, string>): Promise<Record<string, unknown> | undefined> {
    this.#counters.httpRequests++;
    try {
      const response = await fetch(`${edge}/api/chat.postMessage`, {
        method: 'POST',
        headers: { authorization: `Bearer ${this.#plan.token}`, 'content-type': 'application/json; charset=utf-8' },
        body: JSON.stringify(args),
        signal: AbortSignal.timeout(HTTP_TIMEOUT_MS),
      });
      const body = await response.text();
      if (response.status < 500) return JSON.parse(body) as Record<string, unknown>;
      this.#failed(`${edge}: HTTP ${response.status} ${body.slice(0, 200)}`);
    } catch (e: unknown) {
      const cause = e instanceof Error && e.cause instanceof Error ? `: ${e.cause.message}` : '';
      this.#failed(`${edge}: ${e instanceof Error ? e.message : String(e)}${cause}`);
    }
    this.#counters.httpFailures++;
    this.#counters.failuresByEdge[edge] = (this.#counters.failuresByEdge[edge] ?? 0) + 1;
    return undefined;
  }
}
