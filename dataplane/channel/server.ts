/**
 * The channel server: owner of slots. It numbers and stores the events of its topics, and only then answers and fans
 * out. Requests come in by intake.ts; which slots are its own is ring-member.ts's.
 *
 * Why a batch that was stored may be fanned out even if the slot is lost by then: its commit passed the fence, so it
 * came before the next owner's claim and the next owner sends the same events from the log. Receivers take whichever
 * comes first, by seq. A batch that the fence refused is never answered and never fanned out.
 */
import type { Clock, Random, Timer } from '../../cells/contract/clock.ts';
import type { TopicId } from '../../cells/contract/ids.ts';
import type { LoadCounters } from '../../cells/contract/lrs/index.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import type { Heartbeat } from '../../cells/contract/ring-store.ts';
import { LinkedOwnerClient } from '../links/owner-client.ts';
import type { Hello } from '../protocol/operations.ts';
import { NO_PLANTS, type Plants } from '../protocol/plants.ts';
import type { Link, LinkTransport } from '../protocol/transport.ts';
import type { Store } from '../storage/store.ts';
import { noTracer, type Tracer } from '../tracing/tracing.ts';
import { Batcher } from './batcher.ts';
import { Delivery } from './delivery.ts';
import { Handoff } from './handoff.ts';
import { Intake } from './intake.ts';
import type { ChannelMetrics } from './metrics.ts';
import { Projector } from './projector.ts';
import { RingMember } from './ring-member.ts';
import { SlotLoad, SlotLoadReporter } from './slot-load.ts';
import { Slots } from './slots.ts';
import { TableControl } from './table-control.ts';
import type { Topic } from './topic.ts';
import { TopicReads } from './topic-reads.ts';
import { TopicWriter } from './topic-writer.ts';
import { Topics } from './topics.ts';

export interface ChannelServerOptions {
  store: Store;
  transport: LinkTransport;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: ChannelMetrics;
  /** `address`: the link listener's; with port 0 the bound one is taken. */
  row: Pick<Heartbeat, 'incarnation' | 'pod' | 'cell' | 'zone' | 'ring' | 'address' | 'weight'>;
  heartbeatMs: number;
  missed: number;
  /** Counts the calls to other owners and the events to gateways, for the load reports. */
  loads?: LoadCounters;
  tracer?: Tracer;
  /** Bytes queued to one link at which it is cut. Default 16 MiB. */
  maxLinkQueueBytes?: number;
  /** Test-only; see plants.ts. */
  plants?: Plants;
}

const SWEEP_MS = 30_000;
const DEFAULT_LINK_QUEUE_BYTES = 16 * 1024 * 1024;

export class ChannelServer {
  readonly #o: ChannelServerOptions;
  readonly #plants: Plants;
  readonly #slots = new Slots();
  readonly #reads: TopicReads;
  readonly #topics: Topics;
  readonly #writers = new Map<Topic, TopicWriter>();
  readonly #control = new TableControl();
  readonly #peers: LinkedOwnerClient;
  readonly #batcher: Batcher;
  readonly #projector: Projector;
  readonly #slotLoad = new SlotLoad();
  readonly #reporter: SlotLoadReporter;
  readonly #delivery: Delivery;
  readonly #member: RingMember;
  readonly #intake: Intake;
  readonly #sweeper: Timer;
  #listener: { address: string; close(): Promise<void> } | undefined;
  #closing: Promise<void> | undefined;

  static async start(options: ChannelServerOptions): Promise<ChannelServer> {
    const early: Link[] = [];
    let accept = (link: Link): void => void early.push(link);
    const listener = await options.transport.listen(options.row.address, (link) => accept(link));
    const server = new ChannelServer({ ...options, row: { ...options.row, address: listener.address } });
    server.#listener = listener;
    accept = (link) => server.#intake.accept(link);
    for (const link of early) accept(link);
    server.#member.start();
    return server;
  }

  private constructor(options: ChannelServerOptions) {
    this.#o = options;
    this.#plants = options.plants ?? NO_PLANTS;
    const { store, transport, clock, random, log, metrics, row, heartbeatMs, missed } = options;
    const { incarnation, pod, zone, cell, ring } = row;
    const hello: Hello = { role: 'channel', incarnation, zone, cell, pod };
    this.#reads = new TopicReads(store, clock, random);
    this.#topics = new Topics(this.#reads, clock);
    this.#peers = new LinkedOwnerClient({
      ...{ control: this.#control, transport, clock, random, log, hello },
      ...(options.loads && { loads: options.loads }),
    });
    this.#projector = new Projector({ store, ring, owners: this.#peers, clock, random, log, metrics });
    const slotLoad = this.#slotLoad;
    this.#delivery = new Delivery({ projector: this.#projector, clock, metrics, slotLoad, plants: this.#plants });
    this.#reporter = new SlotLoadReporter({ load: slotLoad, store: store.ring, incarnation, ring, clock, log });
    this.#batcher = new Batcher({
      ...{ store, owner: incarnation, ring, clock, random, log, metrics, plants: this.#plants },
      fenced: (claims) => this.#fenced(claims),
    });
    const handoff = new Handoff({
      ...{ me: incarnation, ring, store: store.ring, peers: this.#peers, slots: this.#slots, clock, log, metrics },
      leaving: () => this.#member.leaving,
      table: () => this.#control.table,
      adopt: (table) => this.#member.adopt(table),
      isBusy: (slot) => this.#topics.ofSlot(slot).some((t) => this.#writers.get(t)?.busy),
      flush: (slots) => this.#flush(slots),
      heads: (slots) => this.#topicsOf(slots).flatMap((t) => (t.isLoaded ? [[t.topic, t.head]] : [])),
      serves: (slots) => this.#intake.tellOwned(slots),
    });
    this.#member = new RingMember({
      ...{ store, row, heartbeatMs, missed, clock, random, log, metrics, control: this.#control, slots: this.#slots },
      load: () => ({ sockets: 0, slots: this.#slots.size, topics: this.#topics.size, perSecond: slotLoad.perSecond }),
      claimed: (slots) => this.#intake.tellOwned(slots),
      lost: (slot) => this.#lost(slot),
      handOff: (table, mayGoOn) => handoff.run(table, mayGoOn),
      plants: this.#plants,
    });
    this.#sweeper = clock.every(SWEEP_MS, () => this.#sweep());
    this.#intake = new Intake({
      ...{ store, clock, log, metrics, plants: this.#plants, hello, ring, address: row.address },
      ...{ slots: this.#slots, control: this.#control, member: this.#member, loads: options.loads },
      maxLinkQueueBytes: options.maxLinkQueueBytes ?? DEFAULT_LINK_QUEUE_BYTES,
      tracer: options.tracer ?? noTracer,
      topic: (at) => this.#topic(at),
      push: (topic, op) => this.#writer(topic).push(op),
      tell: (topic, tableEpoch, head) => this.#topics.tell(topic, tableEpoch, head),
    });
  }

  get address(): string {
    return this.#o.row.address;
  }
  get slotCount(): number {
    return this.#slots.size;
  }
  get topicCount(): number {
    return this.#topics.size;
  }
  /** What the process still waits for; empty when it is ready. */
  get waitingFor(): readonly string[] {
    if (this.#member.leaving) return ['leaving'];
    return this.#member.ready ? [] : ['store'];
  }
  /** Gauges that are read when they are asked for. */
  collect(): void {
    const { metrics } = this.#o;
    metrics.channelsPerHost.set(this.#topics.size);
    metrics.slotsOwned.set(this.#slots.size);
    metrics.links.set(this.#intake.links);
    metrics.linkQueueBytes.set(this.#intake.queuedBytes);
  }

  /** Hands over every slot within `graceMs`, then ends. Idempotent. */
  close(graceMs = 10_000): Promise<void> {
    this.#closing ??= this.#end(graceMs);
    return this.#closing;
  }

  async #end(graceMs: number): Promise<void> {
    await this.#member.leave(graceMs);
    await this.#member.close();
    this.#stop();
    await this.#listener?.close();
    await this.#peers.close();
  }

  /** Ends at once, as if killed: nothing is handed over and nothing more is written. */
  abort(): void {
    this.#member.abort();
    this.#stop();
    void this.#listener?.close();
    void this.#peers.close();
  }

  #stop(): void {
    this.#sweeper.cancel();
    this.#reporter.close();
    this.#batcher.close();
    this.#projector.close();
    this.#reads.close();
    for (const slot of this.#slots.held()) this.#lost(slot);
    this.#intake.close();
  }

  #topic(at: { topic: TopicId; slot: number; epoch: number }): Topic {
    const isNew = this.#topics.find(at.topic) === undefined;
    const topic = this.#topics.get(at);
    if (isNew) this.#projector.catchUp(topic);
    return topic;
  }

  #writer(topic: Topic): TopicWriter {
    let writer = this.#writers.get(topic);
    if (writer === undefined) {
      writer = new TopicWriter(topic, {
        ...{
          store: this.#o.store,
          clock: this.#o.clock,
          random: this.#o.random,
          log: this.#o.log,
          plants: this.#plants,
        },
        offer: (w) => this.#batcher.offer(w),
        committed: (t, decided) => this.#delivery.committed(t, decided),
        found: (t, events) => this.#delivery.found(t, events),
        plantFanOut: (t, decided) => this.#delivery.plantFanOut(t, decided),
        refusal: (t) => this.#intake.refusal(t.slot),
      });
      this.#writers.set(topic, writer);
    }
    return writer;
  }

  #lost(slot: number): void {
    this.#slotLoad.forget(slot);
    this.#slots.release(slot);
    for (const topic of this.#topics.ofSlot(slot)) {
      this.#topics.drop(topic);
      this.#writers.get(topic)?.drop();
      this.#writers.delete(topic);
    }
  }

  /** A batch of a claim that was lost long ago may come back when the slot is ours again: that claim stands. */
  #fenced(claims: readonly { slot: number; epoch: number }[]): void {
    this.#o.metrics.slotsFenced.inc(claims.length);
    this.#o.log.warn({ slots: claims.length }, 'fenced: a newer owner has claimed slots');
    for (const { slot, epoch } of claims) if (this.#slots.epoch(slot) === epoch) this.#lost(slot);
    this.#inBackground(this.#member.refresh());
  }

  async #flush(slots: readonly number[]): Promise<void> {
    const topics = this.#topicsOf(slots);
    if (this.#plants.has('lost-on-move')) for (const t of topics) this.#writers.get(t)?.plantLostOnMove();
    await Promise.all(topics.map((t) => this.#writers.get(t)?.idle()));
  }

  #topicsOf(slots: readonly number[]): Topic[] {
    return slots.flatMap((slot) => [...this.#topics.ofSlot(slot)]);
  }

  #sweep(): void {
    this.#topics.sweep((topic) => this.#writers.get(topic)?.busy === true);
    for (const topic of [...this.#writers.keys()]) if (topic.dropped) this.#writers.delete(topic);
    this.#intake.sweep();
  }

  #inBackground(work: Promise<unknown>): void {
    work.catch((err: unknown) => this.#o.log.debug({ err }, 'background work failed'));
  }
}
