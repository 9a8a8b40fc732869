/**
 * The channel server: owner of slots. It accepts links of gateways, API and channel servers, numbers and stores the
 * events of its topics, and only then answers and fans out.
 *
 * Why a batch that was stored may be fanned out even if the slot is lost by then: its commit passed the fence, so it
 * came before the next owner's claim and the next owner sends the same events from the log. Receivers take whichever
 * comes first, by seq. A batch that the fence refused is never answered and never fanned out.
 */
import type { Clock, Random, Timer } from '../../cells/contract/clock.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import { numberOf, type TopicId } from '../../cells/contract/ids.ts';
import type { LoadCounters } from '../../cells/contract/lrs/index.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import type { Heartbeat } from '../../cells/contract/ring-store.ts';
import { slotOf } from '../../cells/contract/slot.ts';
import { LinkedOwnerClient } from '../links/owner-client.ts';
import { bodyOf, decodeHeader, encodeFrame, FLAG, type Header, KIND } from '../protocol/frames.ts';
import type { Hello, Operations, Request, Response } from '../protocol/operations.ts';
import { NO_PLANTS, type Plants } from '../protocol/plants.ts';
import type { Link, LinkTransport } from '../protocol/transport.ts';
import type { Store } from '../storage/store.ts';
import { Batcher } from './batcher.ts';
import { type DurableOperation, failure, isDurable } from './decide.ts';
import { Delivery } from './delivery.ts';
import { fanOutTyping } from './fan-out.ts';
import { FanOutLoad, TICK_MS } from './fan-out-load.ts';
import { Handoff } from './handoff.ts';
import { LinkSession } from './link-session.ts';
import type { ChannelMetrics } from './metrics.ts';
import { ownedFrames } from './owned-frames.ts';
import { Projector } from './projector.ts';
import { authorise, isRead, type ReadOperation, read } from './reads.ts';
import { RingMember } from './ring-member.ts';
import { SlotLoad, SlotLoadReporter } from './slot-load.ts';
import { Slots } from './slots.ts';
import { subscribe } from './subscribe.ts';
import { TableControl } from './table-control.ts';
import type { Topic } from './topic.ts';
import { TopicWriter } from './topic-writer.ts';
import { Topics } from './topics.ts';
import { internalFailure, writeOp } from './write-op.ts';

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
  /** Bytes queued to one link at which it is cut. Default 16 MiB. */
  maxLinkQueueBytes?: number;
  /** Test-only; see plants.ts. */
  plants?: Plants;
}

const SWEEP_MS = 30_000;
const LINK_SILENT_MS = 10_000;
const DEFAULT_LINK_QUEUE_BYTES = 16 * 1024 * 1024;

export class ChannelServer {
  readonly #o: ChannelServerOptions;
  readonly #plants: Plants;
  readonly #slots = new Slots();
  readonly #topics: Topics;
  readonly #writers = new Map<Topic, TopicWriter>();
  readonly #sessions = new Set<LinkSession>();
  readonly #control = new TableControl();
  readonly #peers: LinkedOwnerClient;
  readonly #batcher: Batcher;
  readonly #projector: Projector;
  readonly #slotLoad = new SlotLoad();
  readonly #reporter: SlotLoadReporter;
  readonly #delivery: Delivery;
  readonly #member: RingMember;
  readonly #hello: Hello;
  readonly #sweeper: Timer;
  readonly #ticker: Timer;
  #listener: { address: string; close(): Promise<void> } | undefined;
  #closing: Promise<void> | undefined;

  static async start(options: ChannelServerOptions): Promise<ChannelServer> {
    const early: Link[] = [];
    let accept = (link: Link): void => void early.push(link);
    const listener = await options.transport.listen(options.row.address, (link) => accept(link));
    const server = new ChannelServer({ ...options, row: { ...options.row, address: listener.address } });
    server.#listener = listener;
    accept = (link) => server.#accept(link);
    for (const link of early) accept(link);
    server.#member.start();
    return server;
  }

  private constructor(options: ChannelServerOptions) {
    this.#o = options;
    this.#plants = options.plants ?? NO_PLANTS;
    const { store, transport, clock, random, log, metrics, row, heartbeatMs, missed } = options;
    const { incarnation, pod, zone, cell, ring } = row;
    this.#hello = { role: 'channel', incarnation, zone, cell, pod };
    this.#topics = new Topics(store, clock, random);
    this.#peers = new LinkedOwnerClient({
      ...{ control: this.#control, transport, clock, random, log, hello: this.#hello },
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
      adopt: (table) => this.#member.adopt(table),
      flush: (slots) => this.#flush(slots),
      heads: (slots) => this.#topicsOf(slots).flatMap((t) => (t.isLoaded ? [[t.topic, t.head]] : [])),
    });
    this.#member = new RingMember({
      ...{ store, row, heartbeatMs, missed, clock, random, log, metrics, control: this.#control, slots: this.#slots },
      load: () => ({ sockets: 0, slots: this.#slots.size, topics: this.#topics.size, perSecond: slotLoad.perSecond }),
      claimed: (slots) => this.#tellOwned([...this.#sessions], slots),
      lost: (slot) => this.#lost(slot),
      handOff: (table) => handoff.run(table),
      plants: this.#plants,
    });
    this.#sweeper = clock.every(SWEEP_MS, () => this.#sweep());
    this.#ticker = clock.every(TICK_MS, () => {
      for (const session of this.#sessions) session.load?.tick();
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
    metrics.links.set(this.#sessions.size);
    metrics.linkQueueBytes.set([...this.#sessions].reduce((sum, s) => sum + s.bufferedBytes(), 0));
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
    this.#ticker.cancel();
    this.#reporter.close();
    this.#batcher.close();
    this.#projector.close();
    this.#topics.close();
    for (const slot of this.#slots.held()) this.#lost(slot);
    for (const session of [...this.#sessions]) session.close();
    this.#sessions.clear();
  }

  #accept(link: Link): void {
    const session = new LinkSession(link, {
      maxQueueBytes: this.#o.maxLinkQueueBytes ?? DEFAULT_LINK_QUEUE_BYTES,
      nowMs: this.#o.clock.monotonicMs(),
      onCut: () => this.#o.metrics.linksCut.inc(),
    });
    this.#sessions.add(session);
    link.handle({
      frame: (frame) => this.#frame(session, frame),
      closed: () => {
        this.#sessions.delete(session);
        session.close();
      },
    });
  }

  #frame(session: LinkSession, frame: Uint8Array): void {
    const header = decodeHeader(frame);
    if (header === undefined || session.closed) {
      session.close();
      return;
    }
    session.lastHeardMs = this.#o.clock.monotonicMs();
    try {
      this.#handle(session, header, frame);
    } catch (err: unknown) {
      // A body that cannot be read is the peer's fault, and costs nobody else anything.
      this.#o.log.warn({ err, peer: session.peer, kind: header.kind }, 'bad frame: link closed');
      session.close();
    }
  }

  #handle(session: LinkSession, header: Header, frame: Uint8Array): void {
    switch (header.kind) {
      case KIND.hello:
        session.hello = JSON.parse(bodyOf(frame).toString()) as Hello;
        session.load = this.#loadOf(session.hello, session.peer);
        session.send(encodeFrame({ kind: KIND.hello }, JSON.stringify(this.#hello)));
        this.#tellOwned([session], this.#slots.claims());
        return;
      case KIND.ping:
        if ((header.flags & FLAG.tellsArrived) !== 0) session.load?.arrived(header.seq, header.requestId / 1_000);
        session.send(encodeFrame({ kind: KIND.pong }));
        return;
      case KIND.unsubscribe:
        if (header.topic !== undefined) session.unsubscribe(header.topic);
        return;
      case KIND.request:
        this.#request(session, header, JSON.parse(bodyOf(frame).toString()) as Request);
        return;
      default:
        return; // a kind of a later version: the sender finds out by the missing answer
    }
  }

  #loadOf({ role, cell, zone }: Hello, address: string): FanOutLoad | undefined {
    if (role !== 'gateway' || !this.#o.loads) return undefined;
    return new FanOutLoad(this.#o.loads.peer({ role, address, cell, zone }));
  }

  #request(session: LinkSession, header: Header, request: Request): void {
    if (request.op === 'prepare' || request.op === 'handoff') {
      this.#answer(session, header, this.#peerRequest(request as Request<'prepare' | 'handoff'>));
      return;
    }
    const { topic } = header;
    if (topic === undefined) {
      session.respond(header, 0, failure('bad_frame'));
      return;
    }
    const slot = slotOf(numberOf(topic));
    const known = this.#control.table?.slotEpoch[slot] ?? 0;
    if (header.epoch > known) this.#inBackground(this.#member.takeNow((this.#control.table?.epoch ?? 0) + 1));
    // A later request of a refused attempt would overtake the refused one: it comes again with the next attempt.
    const refused = session.wasRefused(topic, header.seq);
    const epoch = this.#slots.epoch(slot);
    const serves = this.#slots.serves(slot) && request.ring === this.#o.row.ring;
    if (epoch === undefined || !serves || refused || header.epoch > epoch) {
      session.respond(header, known, refused ? failure('not_ready') : this.#refusal(slot));
      return;
    }
    this.#serve(session, header, request, this.#topic({ topic, slot, epoch }));
  }

  #serve(session: LinkSession, header: Header, request: Request, topic: Topic): void {
    const { op } = request;
    if (isDurable(op)) {
      const arrivedMs = this.#o.clock.monotonicMs();
      const respond = (response: Response): void => session.respond(header, topic.epoch, response);
      this.#writer(topic).push(
        writeOp({
          request: request as Request<DurableOperation>,
          trace: header.trace,
          arrivedMs,
          respond,
          ignoreKey: this.#plants.has('retry-twice'),
        }),
      );
    } else if (op === 'subscribe') {
      const answer = subscribe(topic, session, request as Request<'subscribe'>, {
        store: this.#o.store,
        plants: this.#plants,
      });
      this.#answer(session, header, answer, topic);
    } else if (isRead(op)) {
      this.#answer(session, header, read(topic, request as Request<ReadOperation>, this.#o.store), topic);
    } else if (op === 'typing') {
      this.#inBackground(this.#typing(topic, request));
    } else session.respond(header, topic.epoch, failure('unknown_method', { method: op }));
  }

  /** `result` undefined, or a topic that was dropped meanwhile: refused, to be asked again elsewhere. */
  #answer(session: LinkSession, header: Header, result: Promise<unknown>, topic?: Topic): void {
    result.then(
      (value) => {
        const gone = value === undefined || topic?.dropped === true;
        session.respond(
          header,
          topic?.epoch ?? 0,
          gone && topic !== undefined
            ? this.#refusal(topic.slot)
            : { ok: true, result: value as Operations['info']['result'] },
        );
      },
      (e: unknown) => {
        const error = ChatError.from(e);
        if (error.code === 'internal_error') this.#o.log.error({ err: e, topic: topic?.topic }, 'request failed');
        session.respond(header, topic?.epoch ?? 0, internalFailure(e));
      },
    );
  }

  async #typing(topic: Topic, request: Request): Promise<void> {
    await topic.loaded;
    await authorise(topic, 'typing', request.actor);
    if (request.actor.user !== undefined) fanOutTyping(topic, request.actor.user, topic.subscribers);
  }

  async #peerRequest(request: Request<'prepare' | 'handoff'>): Promise<Operations['prepare' | 'handoff']['result']> {
    const { slots, tableEpoch } = request.args;
    if (request.op === 'prepare') {
      const table = await this.#member.tableAt(tableEpoch);
      const named = slots.every((slot) => table?.members[table.target[slot]!]?.incarnation === this.#hello.incarnation);
      return { ready: named && !this.#member.leaving && this.#member.ready };
    }
    for (const [topic, seq, ts] of (request.args as Operations['handoff']['args']).heads)
      this.#topics.tell(topic, tableEpoch, { seq, ts: BigInt(ts) });
    await this.#member.takeNow(tableEpoch);
    return { claimed: slots.filter((slot) => this.#slots.serves(slot)).length };
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
        refusal: (t) => this.#refusal(t.slot),
      });
      this.#writers.set(topic, writer);
    }
    return writer;
  }

  #tellOwned(to: readonly LinkSession[], slots: readonly { slot: number; epoch: number }[]): void {
    const { incarnation, zone, cell } = this.#hello;
    const owner = { incarnation, zone, cell, address: this.#o.row.address };
    for (const frame of ownedFrames(this.#o.row.ring, owner, slots)) for (const session of to) session.send(frame);
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

  /** `moved` when another member owns the slot by the table; `not_ready` while nobody is known to serve it. */
  #refusal(slot: number): Response {
    const { ring } = this.#o.row;
    const route = this.#control.route(ring, slot);
    if (route?.owner === undefined || route.owner.incarnation === this.#hello.incarnation) return failure('not_ready');
    return failure('moved', { ring, slot, epoch: route.epoch, owner: route.owner });
  }

  #sweep(): void {
    this.#topics.sweep((topic) => this.#writers.get(topic)?.busy === true);
    for (const topic of [...this.#writers.keys()]) if (topic.dropped) this.#writers.delete(topic);
    const limit = this.#o.clock.monotonicMs() - LINK_SILENT_MS;
    for (const session of [...this.#sessions]) if (session.lastHeardMs < limit) session.close();
  }

  #inBackground(work: Promise<unknown>): void {
    work.catch((err: unknown) => this.#o.log.debug({ err }, 'background work failed'));
  }
}
