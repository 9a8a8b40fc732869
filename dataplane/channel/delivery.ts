/** What follows a commit: the topic's memory, the answers, the frames to subscribed links, the outbox. */
import type { Clock } from '../../cells/contract/clock.ts';
import type { Trace } from '../protocol/frames.ts';
import type { Operations } from '../protocol/operations.ts';
import type { Plants } from '../protocol/plants.ts';
import type { StoredEvent } from '../storage/store.ts';
import { eventFrame, memberOf } from './event-frame.ts';
import { fanOut } from './fan-out.ts';
import type { ChannelMetrics } from './metrics.ts';
import { isProjectedEvent, type Projector } from './projector.ts';
import type { SlotLoad } from './slot-load.ts';
import type { Topic } from './topic.ts';
import type { Decided } from './topic-writer.ts';
import { isProjected, keyOf } from './write-op.ts';

export interface DeliveryOptions {
  projector: Projector;
  clock: Clock;
  metrics: ChannelMetrics;
  slotLoad: SlotLoad;
  plants: Plants;
}

export class Delivery {
  readonly #o: DeliveryOptions;

  constructor(options: DeliveryOptions) {
    this.#o = options;
  }

  /** In one step without a wait: subscribers that join in between would miss an event. */
  committed(topic: Topic, decided: readonly Decided[]): void {
    const { metrics, clock, projector } = this.#o;
    for (const { op, response, events } of decided) {
      const projected = events.map((e) => e.entry).filter(isProjectedEvent);
      const key = keyOf(op);
      if (response.ok && key !== undefined && events.length > 0)
        topic.remember(key.user, key.clientKey, response.result as Operations['post']['result']);
      // The answer goes before the event on the same link: the sender's socket takes it for its delivery.
      const waits = projected.length > 0 && isProjected(op);
      if (!waits) op.respond(response);
      for (const { entry, trace } of events) {
        if (entry.projection.kind === 'channel') topic.channel = entry.projection.channel;
        this.#event(topic, entry, trace);
      }
      metrics.persistSeconds.observe((clock.monotonicMs() - op.arrivedMs) / 1_000);
      if (projected.length > 0) {
        const done = projector.committed(topic, projected);
        if (waits) void done.then(() => op.respond(response));
      }
    }
  }

  /**
   * Events that turned out to be in the log behind the head: an append of ours whose outcome was unknown. Whoever sent
   * them is answered when its operation is decided again; the subscribers get them here, or they never would.
   */
  found(topic: Topic, events: readonly StoredEvent[]): void {
    const fresh = events.filter((e) => e.seq > topic.head.seq);
    for (const event of fresh) this.#event(topic, event, undefined);
    const projected = fresh.filter(isProjectedEvent);
    if (projected.length > 0) void this.#o.projector.committed(topic, projected);
  }

  /** Only as a planted bug: the frames leave, whatever becomes of the events. */
  plantFanOut(topic: Topic, decided: readonly Decided[]): void {
    const { slot, epoch, subscribers } = topic;
    for (const { entry, trace } of decided.flatMap((d) => d.events))
      fanOut(
        subscribers,
        eventFrame(entry, { slot, epoch, trace, member: memberOf(entry) }, this.#o.plants),
        this.#o.metrics,
      );
  }

  #event(topic: Topic, event: StoredEvent, trace: Trace | undefined): void {
    const { slot, epoch, subscribers } = topic;
    const { metrics, plants, slotLoad } = this.#o;
    const member = memberOf(event);
    topic.head = { seq: event.seq, ts: event.ts };
    if (member !== undefined) topic.members.committed(member.user, member.joined);
    const frame = eventFrame(event, { slot, epoch, trace, member }, plants);
    if (event.type === 'message_deleted' && !plants.has('deleted-text-revived')) topic.recent.forget();
    topic.recent.push({ seq: event.seq, frame });
    fanOut(subscribers, frame, metrics);
    metrics.fanOut(subscribers.size, subscribers.size);
    slotLoad.count(slot, 1 + subscribers.size);
    metrics.eventsEncoded.inc();
  }
}
