/** The Pods bound to one node: list, then watch, on and on, through API server restarts. */
import type { Logger } from 'pino';
import { type ApiClient, ApiError } from './api-client.ts';
import type { KubeList, Pod } from './kube.ts';

export interface PodSourceOptions {
  api: ApiClient;
  node: string;
  log: Logger;
  /** A Pod is new or has changed. */
  onPod(pod: Pod): void;
  /** A Pod's object is gone. */
  onGone(uid: string): void;
}

interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: Pod & { code?: number; message?: string };
}

const MAX_PAUSE_MS = 5_000;
/** The server ends a watch after this long; a silent one is taken for dead a little later. */
const WATCH_SECONDS = 240;

export class PodSource {
  readonly #options: PodSourceOptions;
  readonly #closed = new AbortController();
  /** Last seen resourceVersion by uid: what to report as gone after a relist. */
  readonly #known = new Map<string, string>();
  #version: string | undefined;
  #done: Promise<void> | undefined;

  constructor(options: PodSourceOptions) {
    this.#options = options;
  }

  start(): void {
    this.#done ??= this.#run();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    let pause = 100;
    while (!this.#closed.signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list();
        await this.#watch();
        pause = 100;
      } catch (error) {
        if (this.#closed.signal.aborted) return;
        if (error instanceof ApiError && error.status === 410) this.#version = undefined;
        this.#options.log.warn({ error: String(error), pause }, 'watch broke');
        await this.#pause(pause * (0.5 + Math.random()));
        pause = Math.min(MAX_PAUSE_MS, pause * 2);
      }
    }
  }

  async #list(): Promise<void> {
    const list = await this.#options.api.get<KubeList<Pod>>(this.#path(''));
    const seen = new Set(list.items.map((pod) => pod.metadata.uid));
    for (const uid of this.#known.keys()) if (!seen.has(uid)) this.#gone(uid);
    for (const pod of list.items) this.#changed(pod);
    this.#version = list.metadata.resourceVersion;
  }

  #watch(): Promise<void> {
    const query = `&watch=1&allowWatchBookmarks=true&resourceVersion=${this.#version}&timeoutSeconds=${WATCH_SECONDS}`;
    const idleMs = (WATCH_SECONDS + 20) * 1000;
    return this.#options.api.stream(
      this.#path(query),
      (line) => this.#take(line as WatchEvent),
      idleMs,
      this.#closed.signal,
    );
  }

  #take(event: WatchEvent): void {
    if (event.type === 'ERROR') throw new ApiError(event.object.code ?? 500, event.object.message ?? 'watch error');
    this.#version = event.object.metadata.resourceVersion;
    if (event.type === 'DELETED') this.#gone(event.object.metadata.uid);
    else if (event.type !== 'BOOKMARK') this.#changed(event.object);
  }

  #changed(pod: Pod): void {
    const version = pod.metadata.resourceVersion ?? '';
    if (this.#known.get(pod.metadata.uid) === version) return;
    this.#known.set(pod.metadata.uid, version);
    this.#options.onPod(pod);
  }

  #gone(uid: string): void {
    if (this.#known.delete(uid)) this.#options.onGone(uid);
  }

  #path(query: string): string {
    return `/api/v1/pods?fieldSelector=spec.nodeName%3D${this.#options.node}${query}`;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      const signal = this.#closed.signal;
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
