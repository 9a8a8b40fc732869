/**
 * The outbox of a channel: what its membership events mean elsewhere, in the directory of the workspace and on the
 * topics of users. The log is the queue, and `projectedSeq` its cursor: an owner that ends in the middle leaves the
 * rest to the next one, and every step may be done twice.
 */
import { type Clock, type Random, sleep, type Timer } from '../../cells/contract/clock.ts';
import { hasCode } from '../../cells/contract/errors.ts';
import type { UserId, WorkspaceId } from '../../cells/contract/ids.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { backoffMs } from '../links/backoff.ts';
import type { OwnerClient } from '../protocol/owner-client.ts';
import type { EventType, Store, StoredEvent } from '../storage/store.ts';
import { memberOf } from './event-frame.ts';
import { channelObject } from './events.ts';
import type { ChannelMetrics } from './metrics.ts';
import type { Topic } from './topic.ts';

const PAGE = 500;
/**
 * Topics catch up one after the other, and not before they have been here for so long, in ms: those of a dead owner come
 * all together, hardly any has something left, and what is posted meanwhile needs the same store.
 */
const CATCHING_UP = 1;
const REST_MS = 5_000;
const RETRY_BASE_MS = 100;
const RETRY_MAX_MS = 5_000;

export interface ProjectorOptions {
  store: Store;
  ring: string;
  owners: Pick<OwnerClient, 'call'>;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: ChannelMetrics;
}

const PROJECTED: ReadonlySet<EventType> = new Set(['channel_created', 'member_joined_channel', 'member_left_channel']);
export const isProjectedEvent = (event: { type: EventType }): boolean => PROJECTED.has(event.type);

export class Projector {
  readonly #o: ProjectorOptions;
  /** The end of each topic's chain of steps: one topic's events are projected in order. */
  readonly #chains = new WeakMap<Topic, Promise<void>>();
  /** Those that wait for their turn to catch up, and what begins it. */
  readonly #waiting = new Map<Topic, { begin: () => void; dueMs: number }>();
  /** Those in which something new has happened: nothing of theirs waits for a turn. */
  readonly #urgent = new WeakSet<Topic>();
  #catchingUp = 0;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: ProjectorOptions) {
    this.#o = options;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** What the owner before may have left: from the cursor to the head. In the background. */
  catchUp(topic: Topic): void {
    if (!topic.isChannel) return;
    void this.#after(topic, async () => {
      await topic.loaded;
      const seq = await this.#retrying(topic, () => topic.projectedSeq());
      if (seq === undefined || seq >= topic.head.seq || topic.dropped) return;
      await this.#turn(topic);
      try {
        await this.#rest(topic, seq);
      } finally {
        this.#catchingUp--;
        this.#beginNext();
      }
    });
  }

  async #rest(topic: Topic, after: number): Promise<void> {
    for (let seq = after; seq < topic.head.seq && !topic.dropped; ) {
      const from = seq;
      const page = await this.#retrying(topic, () => this.#o.store.log.read(topic.topic, from, PAGE));
      if (page === undefined || page.length === 0) return;
      seq = page.at(-1)!.seq;
      await this.#project(topic, page.filter(isProjectedEvent), seq);
    }
  }

  #turn(topic: Topic): Promise<void> {
    return new Promise((begin) => {
      this.#waiting.set(topic, { begin, dueMs: this.#o.clock.monotonicMs() + REST_MS });
      if (this.#urgent.has(topic)) this.#begin(topic);
      else this.#beginNext();
    });
  }

  #beginNext(): void {
    if (this.#closed || this.#timer !== undefined || this.#catchingUp >= CATCHING_UP) return;
    const [first] = this.#waiting;
    if (first === undefined) return;
    const [topic, { dueMs }] = first;
    const inMs = dueMs - this.#o.clock.monotonicMs();
    if (inMs <= 0) this.#begin(topic);
    else
      this.#timer = this.#o.clock.after(inMs, () => {
        this.#timer = undefined;
        this.#beginNext();
      });
  }

  #begin(topic: Topic): void {
    const waiting = this.#waiting.get(topic);
    if (waiting === undefined) return;
    this.#waiting.delete(topic);
    this.#catchingUp++;
    waiting.begin();
  }

  /**
   * Events that have just been committed. Resolves when the directory shows them; the topics of the users follow.
   * Never rejects; it also resolves when the topic was dropped, whose next owner does the rest.
   */
  committed(topic: Topic, events: readonly StoredEvent[]): Promise<void> {
    // Somebody waits for it, and so for what is before it.
    this.#urgent.add(topic);
    this.#begin(topic);
    return new Promise((resolve) => {
      void this.#after(topic, () => this.#project(topic, events, events.at(-1)!.seq, resolve)).finally(resolve);
    });
  }

  #after(topic: Topic, step: () => Promise<void>): Promise<void> {
    const next = (this.#chains.get(topic) ?? Promise.resolve()).then(step);
    this.#chains.set(topic, next);
    return next;
  }

  async #project(topic: Topic, events: readonly StoredEvent[], upTo: number, inDirectory?: () => void): Promise<void> {
    for (const event of events) await this.#retrying(topic, () => this.#directory(topic, event));
    inDirectory?.();
    await Promise.all(events.map((event) => this.#retrying(topic, () => this.#publish(topic, event))));
    await this.#retrying(topic, () => this.#o.store.log.setProjectedSeq(topic.topic, upTo));
  }

  async #directory(topic: Topic, event: StoredEvent): Promise<void> {
    const channel = await topic.channelOf(event.workspace);
    if (channel === undefined) return;
    if (event.type === 'channel_created') await this.#o.store.directory.applyChannel(channel, event.seq);
    const member = memberOf(event);
    if (member !== undefined)
      await this.#o.store.directory.applyMembership(member.user, channel, member.joined, event.seq);
  }

  async #publish(topic: Topic, event: StoredEvent): Promise<void> {
    const channel = await topic.channelOf(event.workspace);
    if (channel === undefined) return;
    const key = `${topic.topic}:${event.seq}`;
    const member = memberOf(event);
    if (event.type === 'channel_created' && !channel.isPrivate) {
      await this.#say(event.workspace, event.workspace, 'channel_created', { channel: channelObject(channel) }, key);
    } else if (member?.joined) {
      const about = { channel: channelObject(channel), joined_seq: event.seq };
      await this.#say(event.workspace, member.user, 'channel_joined', about, key);
    } else if (member !== undefined) {
      await this.#say(event.workspace, member.user, 'channel_left', { channel: topic.topic, left_seq: event.seq }, key);
    }
  }

  async #say(
    workspace: WorkspaceId,
    to: UserId | WorkspaceId,
    type: EventType,
    event: Record<string, unknown>,
    clientKey: string,
  ): Promise<void> {
    const actor = { workspace, user: undefined, roles: [] };
    await this.#o.owners.call({
      ring: this.#o.ring,
      topic: to,
      op: 'publish',
      args: { type, event, clientKey },
      actor,
    });
  }

  /** Undefined when the topic was dropped or the server closes before it succeeded, or when it never can. */
  async #retrying<T>(topic: Topic, step: () => Promise<T>): Promise<T | undefined> {
    for (let failures = 0; !topic.dropped && !this.#closed; failures++) {
      try {
        return await step();
      } catch (err: unknown) {
        if (hasCode(err, 'user_not_found')) return undefined;
        this.#o.metrics.projectionRetries.inc();
        if (failures === 0) this.#o.log.warn({ err, topic: topic.topic }, 'projection failed, trying again');
        await sleep(this.#o.clock, backoffMs(failures, RETRY_BASE_MS, RETRY_MAX_MS, this.#o.random));
      }
    }
    return undefined;
  }
}
