/** Events (events.k8s.io/v1) about our objects: what `kubectl describe` shows. */
import type { Logger } from 'pino';
import type { Clock, Random } from '../clock.ts';
import { collectionPath, type KubeClient, type Manifest } from './client.ts';
import type { KubeObject } from './objects.ts';

export interface EventText {
  type: 'Normal' | 'Warning';
  /** CamelCase, as the reason of a condition. */
  reason: string;
  /** CamelCase: what was being done. */
  action: string;
  note: string;
}

/** An Event as it is stored. */
export interface KubeEvent extends KubeObject {
  eventTime: string;
  type: string;
  reason: string;
  action: string;
  note?: string;
  reportingController: string;
  regarding: { kind: string; name: string; namespace?: string; uid?: string };
  series?: { count: number; lastObservedTime: string };
}

interface Series {
  name: string;
  namespace: string;
  count: number;
  lastMs: number;
}

const SERIES_MS = 6 * 60_000; // as client-go: after that, a repetition is a new Event
const MAX_SERIES = 1000;
const MAX_NOTE = 1024;

export class EventRecorder {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #controller: string;
  readonly #instance: string;
  /** In order of use, so that the first is the one to drop. */
  readonly #series = new Map<string, Series>();

  constructor(options: {
    client: KubeClient;
    clock: Clock;
    random: Random;
    log: Logger;
    /** Such as `chatcells.dev/cell`. */
    controller: string;
    /** The process: its Pod's name. */
    instance: string;
  }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = options.log;
    this.#controller = options.controller;
    this.#instance = options.instance;
  }

  /** Never rejects: an Event that cannot be written is logged. Repetitions become a series, written at 2, 4, 8, … */
  async record(regarding: KubeObject & { apiVersion: string; kind: string }, text: EventText): Promise<void> {
    const key = [regarding.metadata.uid, text.type, text.reason, text.action, text.note].join('\n');
    const nowMs = this.#clock.wallMs();
    const known = this.#series.get(key);
    this.#series.delete(key);
    const series = known && nowMs - known.lastMs < SERIES_MS ? known : this.#newSeries(regarding);
    this.#series.set(key, { ...series, count: series.count + 1, lastMs: nowMs });
    if (this.#series.size > MAX_SERIES) this.#series.delete(this.#series.keys().next().value ?? '');
    try {
      if (series.count === 0) await this.#create(series, regarding, text);
      else if (isPowerOfTwo(series.count + 1)) await this.#raise(series, series.count + 1);
    } catch (err) {
      this.#log.warn({ err, event: text, name: regarding.metadata.name }, 'an Event was not written');
    }
  }

  #newSeries(regarding: KubeObject): Series {
    const { name, namespace = 'default' } = regarding.metadata;
    return { name: `${name.slice(0, 200)}.${this.#random.hex(8)}`, namespace, count: 0, lastMs: 0 };
  }

  async #create(
    series: Series,
    regarding: KubeObject & { apiVersion: string; kind: string },
    text: EventText,
  ): Promise<void> {
    const { apiVersion, kind, metadata } = regarding;
    const event: Manifest = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: series.name, namespace: series.namespace },
      eventTime: microTime(this.#clock.wallMs()),
      reportingController: this.#controller,
      reportingInstance: this.#instance,
      type: text.type,
      reason: text.reason,
      action: text.action,
      note: text.note.length > MAX_NOTE ? `${text.note.slice(0, MAX_NOTE - 1)}…` : text.note,
      regarding: { apiVersion, kind, name: metadata.name, namespace: metadata.namespace, uid: metadata.uid },
    };
    await this.#client.create(event, { fieldManager: this.#controller.replaceAll('/', '-') });
  }

  async #raise(series: Series, count: number): Promise<void> {
    const { name, namespace } = series;
    await this.#client.mergePatch(
      { apiVersion: 'events.k8s.io/v1', kind: 'Event', namespace, name },
      { series: { count, lastObservedTime: microTime(this.#clock.wallMs()) } },
      { fieldManager: this.#controller.replaceAll('/', '-') },
    );
  }
}

/** The Events about one object, oldest first. */
export async function eventsAbout(client: KubeClient, object: KubeObject): Promise<KubeEvent[]> {
  const path = collectionPath('events.k8s.io/v1', 'Event', object.metadata.namespace);
  const events = await client.list<KubeEvent>(path, { fieldSelector: `regarding.uid=${object.metadata.uid}` });
  const at = (e: KubeEvent): string => e.series?.lastObservedTime ?? e.eventTime;
  return events.sort((a, b) => at(a).localeCompare(at(b)));
}

/** RFC 3339 with microseconds, as Kubernetes' MicroTime wants it. */
export const microTime = (wallMs: number): string => new Date(wallMs).toISOString().replace('Z', '000Z');

const isPowerOfTwo = (n: number): boolean => (n & (n - 1)) === 0;
