/**
 * What comes in over links: gateways, API and other channel servers say hello, subscribe and ask. What this server
 * does not serve is refused here, with the owner where one is known, and asked again there.
 */
import type { Clock } from '../../cells/contract/clock.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import type { TopicId } from '../../cells/contract/ids.ts';
import type { LoadCounters } from '../../cells/contract/lrs/index.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { slotOf } from '../../cells/contract/slot.ts';
import { bodyOf, decodeHeader, encodeFrame, FLAG, type Header, KIND } from '../protocol/frames.ts';
import type { Hello, Operations, Request, Response } from '../protocol/operations.ts';
import type { Plants } from '../protocol/plants.ts';
import type { Link } from '../protocol/transport.ts';
import type { Head, Store } from '../storage/store.ts';
import type { Span, Tracer } from '../tracing/tracing.ts';
import { type DurableOperation, failure, isDurable } from './decide.ts';
import { fanOutTyping } from './fan-out.ts';
import { FanOutLoad, TICK_MS } from './fan-out-load.ts';
import { LinkSession } from './link-session.ts';
import type { ChannelMetrics } from './metrics.ts';
import { ownedFrames } from './owned-frames.ts';
import { authorise, isRead, type ReadOperation, read } from './reads.ts';
import type { RingMember } from './ring-member.ts';
import type { Slots } from './slots.ts';
import { subscribe } from './subscribe.ts';
import type { TableControl } from './table-control.ts';
import type { Topic } from './topic.ts';
import { internalFailure, type WriteOp, writeOp } from './write-op.ts';

export interface IntakeOptions {
  store: Store;
  clock: Clock;
  log: Logger;
  metrics: Pick<ChannelMetrics, 'linksCut' | 'handedIn'>;
  loads: LoadCounters | undefined;
  /** Bytes queued to one link at which it is cut. */
  maxLinkQueueBytes: number;
  tracer: Tracer;
  plants: Plants;
  hello: Hello;
  ring: string;
  address: string;
  slots: Slots;
  control: TableControl;
  member: Pick<RingMember, 'takesSlots' | 'tableAt' | 'takeNow' | 'handedOver'>;
  topic(at: { topic: TopicId; slot: number; epoch: number }): Topic;
  push(topic: Topic, op: WriteOp): void;
  /** The owner that hands a slot over says where the topic stands. */
  tell(topic: TopicId, tableEpoch: number, head: Head): void;
}

/** A peer pings more often than this while it lives. */
const LINK_SILENT_MS = 10_000;

export class Intake {
  readonly #o: IntakeOptions;
  readonly #sessions = new Set<LinkSession>();
  readonly #ticker: { cancel(): void };

  constructor(options: IntakeOptions) {
    this.#o = options;
    this.#ticker = options.clock.every(TICK_MS, () => {
      for (const session of this.#sessions) session.load?.tick();
    });
  }

  get links(): number {
    return this.#sessions.size;
  }
  get queuedBytes(): number {
    return [...this.#sessions].reduce((sum, s) => sum + s.bufferedBytes(), 0);
  }

  accept(link: Link): void {
    const session = new LinkSession(link, {
      maxQueueBytes: this.#o.maxLinkQueueBytes,
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
        session.send(encodeFrame({ kind: KIND.hello }, JSON.stringify(this.#o.hello)));
        this.#tell([session], this.#o.slots.claims());
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
    return new FanOutLoad(this.#o.loads, { role, address, cell, zone });
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
    const slot = slotOf(topic);
    const known = this.#o.control.table?.slotEpoch[slot] ?? 0;
    if (header.epoch > known) this.#inBackground(this.#o.member.takeNow((this.#o.control.table?.epoch ?? 0) + 1));
    // A later request of a refused attempt would overtake the refused one: it comes again with the next attempt.
    const refused = session.wasRefused(topic, header.seq);
    const epoch = this.#o.slots.epoch(slot);
    const serves = this.#o.slots.serves(slot) && request.ring === this.#o.ring;
    if (epoch === undefined || !serves || refused || header.epoch > epoch) {
      session.respond(header, known, refused ? failure('not_ready') : this.refusal(slot));
      return;
    }
    this.#serve(session, header, request, this.#o.topic({ topic, slot, epoch }));
  }

  #serve(session: LinkSession, header: Header, request: Request, topic: Topic): void {
    const { op } = request;
    if (op !== 'subscribe') topic.hurry();
    if (isDurable(op)) {
      const arrivedMs = this.#o.clock.monotonicMs();
      const span = this.#spanOf(header, op);
      const respond = (response: Response): void => {
        span?.end(response.ok ? undefined : response.error.code);
        session.respond(header, topic.epoch, response);
      };
      this.#o.push(
        topic,
        writeOp({
          request: request as Request<DurableOperation>,
          trace: span?.trace ?? header.trace,
          arrivedMs,
          respond,
          ignoreKey: this.#o.plants.has('retry-twice'),
        }),
      );
    } else if (op === 'subscribe') {
      const answer = subscribe(topic, session, request as Request<'subscribe'>, {
        store: this.#o.store,
        plants: this.#o.plants,
      });
      this.#answer(session, header, answer, topic);
    } else if (isRead(op)) {
      this.#answer(session, header, read(topic, request as Request<ReadOperation>, this.#o.store), topic);
    } else if (op === 'typing') {
      this.#inBackground(this.#typing(topic, request));
    } else session.respond(header, topic.epoch, failure('unknown_method', { method: op }));
  }

  /** From the arrival of a durable operation to its answer, its commit in between. */
  #spanOf({ trace, topic, slot }: Header, op: DurableOperation): Span | undefined {
    if (topic === undefined || !this.#o.tracer.records(trace)) return undefined;
    return this.#o.tracer.startSpan(`channel.${op}`, trace, { topic, slot });
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
            ? this.refusal(topic.slot)
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
      const table = await this.#o.member.tableAt(tableEpoch);
      const named = slots.every(
        (slot) => table?.members[table.target[slot]!]?.incarnation === this.#o.hello.incarnation,
      );
      return { ready: named && this.#o.member.takesSlots };
    }
    const arrivedMs = this.#o.clock.monotonicMs();
    const { heads, standbys, frozenMs } = request.args as Operations['handoff']['args'];
    for (const [topic, seq, ts] of heads) this.#o.tell(topic, tableEpoch, { seq, ts: BigInt(ts) });
    if (standbys !== undefined) this.#o.member.handedOver(tableEpoch, slots, standbys);
    await this.#o.member.takeNow(tableEpoch, slots);
    const claimed = slots.filter((slot) => this.#o.slots.serves(slot)).length;
    if (frozenMs !== undefined) this.#o.metrics.handedIn(claimed, frozenMs + this.#o.clock.monotonicMs() - arrivedMs);
    return { claimed };
  }

  /** Tells every peer that these slots are served here from now on. */
  tellOwned(slots: readonly { slot: number; epoch: number }[]): void {
    this.#tell(this.#sessions, slots);
  }

  #tell(to: Iterable<LinkSession>, slots: readonly { slot: number; epoch: number }[]): void {
    const { hello, address, ring } = this.#o;
    const { incarnation, zone, cell } = hello;
    const owner = { incarnation, zone, cell, address };
    for (const frame of ownedFrames(ring, owner, slots)) for (const session of to) session.send(frame);
  }

  /** `moved` when another member owns the slot by the table; `not_ready` while nobody is known to serve it. */
  refusal(slot: number): Response {
    const { ring } = this.#o;
    const route = this.#o.control.route(ring, slot);
    if (route?.owner === undefined || route.owner.incarnation === this.#o.hello.incarnation)
      return failure('not_ready');
    return failure('moved', { ring, slot, epoch: route.epoch, owner: route.owner });
  }

  /** Cuts links that have fallen silent. */
  sweep(): void {
    const limit = this.#o.clock.monotonicMs() - LINK_SILENT_MS;
    for (const session of [...this.#sessions]) if (session.lastHeardMs < limit) session.close();
  }

  close(): void {
    this.#ticker.cancel();
    for (const session of [...this.#sessions]) session.close();
    this.#sessions.clear();
  }

  #inBackground(work: Promise<unknown>): void {
    work.catch((err: unknown) => this.#o.log.debug({ err }, 'background work failed'));
  }
}
