/**
 * A local copy of one kind of object, kept by list and watch. It never stops for good: every failure ends in a jittered
 * back-off and another try. Listeners are told of keys, level-triggered: read the store for the truth.
 */
import type { KubeConfig } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { type Clock, type Random, sleep } from '../clock.ts';
import { ChatError, hasCode } from '../errors.ts';
import { Backoff } from './backoff.ts';
import { kubeFetch, refusal } from './http.ts';
import type { KubeObject } from './objects.ts';
import { ReflectorStore } from './reflector-store.ts';
import { type WatchEvent, watchEvents } from './watch-stream.ts';
import { Watchdog } from './watchdog.ts';

export interface ReflectorOptions<T extends KubeObject> {
  kubeConfig: KubeConfig;
  /** The collection, as `/apis/chatcells.dev/v1alpha1/namespaces/x/cells` or `/api/v1/namespaces/x/pods`. */
  path: string;
  labelSelector?: string;
  fieldSelector?: string;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Called after every change of the store; `undefined` means deleted. As `reflector.onChange`. */
  onChange?: (key: string, object: T | undefined) => void;
  /** No byte for this long, bookmarks included (the server sends one a minute), and the watch is taken for dead. */
  inactivityMs?: number;
  /** No answer to a list, or no head of the answer to a watch, for this long. */
  requestTimeoutMs?: number;
  /** How often the store is compared with a list at the same resource version. */
  auditMs?: number;
  backoffMs?: { base: number; max: number };
}

/** Counters since the start. */
export interface ReflectorStats {
  lists: number;
  watches: number;
  /** Lists with which the store was compared. */
  audits: number;
  failures: number;
  /** Events of a version that the store already had or had gone past. */
  staleEvents: number;
  /** Differences that an audit found: events that the watch should have brought and did not. */
  missedEvents: number;
}

const PAGE = 500;
const MIN_WATCH_SECONDS = 300;

export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #store: ReflectorStore<T>;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(key: string, object: T | undefined) => void>();
  readonly #backoff: Backoff;
  readonly #done: Promise<void>;
  readonly #counts = { lists: 0, watches: 0, audits: 0, failures: 0 };
  /** Of those who wait for a list. */
  readonly #relists: (() => void)[] = [];
  #watchdog: Watchdog | undefined;
  #missedEvents = 0;
  #resolveSynced: () => void = () => {};
  #lastAuditMs: number;
  /** Resolves after the first complete list; stays unresolved while there is none, also after close. */
  readonly synced: Promise<void>;

  /** Starts at once. */
  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#store = new ReflectorStore((key, object) => this.#notify(key, object));
    if (options.onChange) this.#listeners.add(options.onChange);
    const { base, max } = options.backoffMs ?? { base: 500, max: 30_000 };
    this.#backoff = new Backoff({ baseMs: base, maxMs: max, random: options.random });
    this.synced = new Promise((resolve) => {
      this.#resolveSynced = resolve;
    });
    this.#lastAuditMs = options.clock.monotonicMs();
    this.#done = this.#run();
  }

  /** Never change an object in it: copy. */
  get store(): ReadonlyMap<string, T> {
    return this.#store.objects;
  }

  get stats(): ReflectorStats {
    return { ...this.#counts, staleEvents: this.#store.staleEvents, missedEvents: this.#missedEvents };
  }

  /** Returns the unsubscriber. */
  onChange(listener: (key: string, object: T | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('closed'));
    await this.#done;
  }

  /**
   * Lists anew, whatever the watch is doing: it may have been dead for long, and nobody has noticed yet. Resolves when a
   * list that began after this call has been taken; for as long as the server does not answer, and after close, it waits.
   */
  relist(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#relists.push(resolve);
    this.#watchdog?.cut('it is listed anew');
    return promise;
  }

  async #run(): Promise<void> {
    let listed = false;
    while (!this.#stop.signal.aborted) {
      const asked = this.#relists.splice(0);
      try {
        if (!listed || asked.length > 0) await this.#list();
        listed = true;
        this.#resolveSynced();
        for (const resolve of asked.splice(0)) resolve();
        // Before the watch, which need not come to an end by itself: something on the way may cut it each time.
        await this.#auditWhenDue();
        if (this.#relists.length === 0) await this.#watch();
      } catch (e) {
        if (this.#stop.signal.aborted) return;
        this.#relists.unshift(...asked);
        // A lost connection goes on where it was; what the server refuses, or what fails again and again, starts from a list.
        listed = listed && !hasCode(e, 'kube_refused') && this.#backoff.failures < 5;
        await this.#waitAfter(e);
      }
    }
  }

  async #waitAfter(e: unknown): Promise<void> {
    this.#counts.failures++;
    const delayMs = Math.round(this.#backoff.next());
    const { path, log, clock } = this.#options;
    log[this.#backoff.failures > 3 ? 'warn' : 'info']({ path, delayMs, err: e }, 'list or watch failed: trying again');
    await sleep(clock, delayMs, this.#stop.signal).catch(() => {});
  }

  async #list(): Promise<void> {
    const { items, resourceVersion } = await this.#fetchAll({});
    this.#counts.lists++;
    this.#lastAuditMs = this.#options.clock.monotonicMs();
    this.#store.replace(items, resourceVersion);
  }

  async #fetchAll(query: Record<string, string>): Promise<{ items: T[]; resourceVersion: string }> {
    const items: T[] = [];
    let resourceVersion = '';
    let next: string | undefined;
    do {
      const page: Record<string, string | undefined> = next === undefined ? query : { continue: next };
      const body = await this.#fetchPage({ ...page, limit: String(PAGE) });
      items.push(...body.items.map((item) => typed(item, body)));
      resourceVersion = body.metadata.resourceVersion;
      next = body.metadata.continue || undefined;
    } while (next !== undefined);
    return { items, resourceVersion };
  }

  async #fetchPage(query: Record<string, string | undefined>): Promise<ListBody<T>> {
    const { kubeConfig, path, clock, requestTimeoutMs = 30_000 } = this.#options;
    const watchdog = new Watchdog(clock, this.#stop.signal);
    watchdog.arm(requestTimeoutMs, 'no answer to the list');
    try {
      const request = {
        method: 'GET',
        path,
        query: { ...query, ...this.#selectors() },
        signal: watchdog.signal,
      } as const;
      const response = await kubeFetch(kubeConfig, request);
      if (!response.ok) throw await refusal(request, response);
      return (await response.body.json()) as ListBody<T>;
    } finally {
      watchdog.disarm();
    }
  }

  /** One watch, until the server ends it. */
  async #watch(): Promise<void> {
    const { kubeConfig, path, clock, random, inactivityMs = 150_000, requestTimeoutMs = 30_000 } = this.#options;
    const query = {
      watch: 1,
      allowWatchBookmarks: true,
      resourceVersion: this.#store.resourceVersion,
      timeoutSeconds: Math.round(MIN_WATCH_SECONDS * (1 + random.next())),
      ...this.#selectors(),
    };
    const watchdog = new Watchdog(clock, this.#stop.signal);
    this.#watchdog = watchdog;
    watchdog.arm(requestTimeoutMs, 'no answer to the watch');
    const startedMs = clock.monotonicMs();
    let events = 0;
    try {
      this.#counts.watches++;
      const request = { method: 'GET', path, query, signal: watchdog.signal } as const;
      const response = await kubeFetch(kubeConfig, request);
      if (!response.ok) throw await refusal(request, response);
      const alive = (): void => watchdog.arm(inactivityMs, `nothing came for ${inactivityMs} ms`);
      alive();
      for await (const event of watchEvents<T>(response.body, alive)) {
        events++;
        this.#take(event);
        this.#backoff.reset();
      }
    } catch (e) {
      if (this.#relists.length > 0) return;
      throw e;
    } finally {
      watchdog.disarm();
      this.#watchdog = undefined;
    }
    // A server that hangs up at once must not be asked again at once.
    if (events === 0 && clock.monotonicMs() - startedMs < 1000) {
      throw new ChatError('cluster_unreachable', { problem: 'the watch ended at once' });
    }
  }

  #take(event: WatchEvent<T>): void {
    switch (event.type) {
      case 'ERROR': {
        const { code = 500, reason = '', message = '' } = event.object;
        throw new ChatError('kube_refused', {
          method: 'WATCH',
          path: this.#options.path,
          status: code,
          reason,
          message,
        });
      }
      case 'BOOKMARK':
        this.#store.advance(event.object.metadata.resourceVersion);
        return;
      default:
        this.#store.take(event.type, event.object);
    }
  }

  /** The store and a list at exactly its version must be equal. What differs was missed, and is mended. */
  async #auditWhenDue(): Promise<void> {
    const { clock, auditMs = 900_000, path, log } = this.#options;
    if (clock.monotonicMs() - this.#lastAuditMs < auditMs) return;
    const query = { resourceVersion: this.#store.resourceVersion, resourceVersionMatch: 'Exact' };
    const { items, resourceVersion } = await this.#fetchAll(query);
    this.#counts.audits++;
    this.#lastAuditMs = clock.monotonicMs();
    const missed = this.#store.replace(items, resourceVersion);
    this.#missedEvents += missed;
    if (missed > 0) log.warn({ path, missed }, 'the watch had missed events');
  }

  #selectors(): Record<string, string | undefined> {
    const { labelSelector, fieldSelector } = this.#options;
    return { labelSelector, fieldSelector };
  }

  #notify(key: string, object: T | undefined): void {
    for (const listener of this.#listeners) {
      try {
        listener(key, object);
      } catch (e) {
        this.#options.log.error({ path: this.#options.path, key, err: e }, 'a listener threw');
      }
    }
  }
}

/** Of the built-in kinds the items of a list come without their type; the events of a watch have it. */
function typed<T extends KubeObject>(item: T, { apiVersion, kind }: ListBody<T>): T {
  const type = { ...(apiVersion ? { apiVersion } : {}), ...(kind ? { kind: kind.replace(/List$/, '') } : {}) };
  return { ...type, ...item };
}

interface ListBody<T> {
  apiVersion?: string;
  kind?: string;
  metadata: { resourceVersion: string; continue?: string };
  items: T[];
}
