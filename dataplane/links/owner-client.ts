/** OwnerClient over any LinkTransport: links, routes, one queue and one subscription a topic. */
import type { Clock, Random, Timer } from '../../cells/contract/clock.ts';
import type { ControlSource, RouteMember } from '../../cells/contract/control.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import type { TopicId } from '../../cells/contract/ids.ts';
import type { LoadCounters } from '../../cells/contract/lrs/index.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { slotOf } from '../../cells/contract/slot.ts';
import { bodyOf, type Header, KIND } from '../protocol/frames.ts';
import type { Hello, Operation, Operations, Owned, Request, Response } from '../protocol/operations.ts';
import type { Call, OwnerClient, TopicListener } from '../protocol/owner-client.ts';
import type { LinkTransport } from '../protocol/transport.ts';
import { LinkPool } from './link-pool.ts';
import { UNORDERED } from './peer-link.ts';
import { RouteBook } from './route-book.ts';
import { Subscriptions } from './subscriptions.ts';
import { type Picked, type Routing, TopicQueue } from './topic-queue.ts';

const DEFAULT_TIMEOUT_MS = 10_000;
const COUNT_SLOW_MS = 500;

export interface OwnerClientOptions {
  control: ControlSource;
  transport: LinkTransport;
  clock: Clock;
  random: Random;
  log: Logger;
  hello: Hello;
  loads?: LoadCounters;
  /** Gets the events of all subscriptions. A process that subscribes to nothing leaves it out. */
  listener?: TopicListener;
}

const NO_LISTENER: TopicListener = { event: () => {}, transient: () => {}, denied: () => {} };

export const createOwnerClient = (options: OwnerClientOptions): OwnerClient => new LinkedOwnerClient(options);

/** `request` beside the OwnerClient's own methods is for channel servers: it addresses a server, not a topic's owner. */
export class LinkedOwnerClient implements OwnerClient, Routing {
  readonly subscriptions: Subscriptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly slowMs: number;
  readonly #control: ControlSource;
  readonly #pool: LinkPool;
  readonly #book: RouteBook;
  readonly #rings = new Set<string>();
  readonly #queues = new Map<string, TopicQueue>();
  readonly #stopListening: () => void;
  readonly #slowTimer: Timer | undefined;
  #attempts = 0;
  #closed = false;

  constructor(options: OwnerClientOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.slowMs = options.loads?.slowMs ?? Number.POSITIVE_INFINITY;
    this.#control = options.control;
    this.#book = new RouteBook(options.control);
    this.#pool = new LinkPool(options, {
      up: () => this.#linkUp(),
      down: (peer) => this.subscriptions.peerDown(peer),
      frame: (_peer, header, frame) => this.#frame(header, frame),
    });
    this.subscriptions = new Subscriptions({
      clock: options.clock,
      routing: this,
      listener: options.listener ?? NO_LISTENER,
      epoch: (ring, slot) => this.#book.epoch(ring, slot),
      useRing: (ring) => this.#useRing(ring),
    });
    this.#stopListening = options.control.onRing((ring, slots) => this.#ringChanged(ring, slots));
    this.#slowTimer = options.loads && this.clock.every(COUNT_SLOW_MS, () => this.#countSlow());
  }

  call<O extends Operation>(call: Call<O>): Promise<Operations[O]['result']> {
    if (this.#closed) return Promise.reject(new ChatError('service_unavailable'));
    this.#useRing(call.ring);
    const request: Request<O> = { op: call.op, ring: call.ring, args: call.args, actor: call.actor };
    const body = Buffer.from(JSON.stringify(request));
    return new Promise((resolve, reject) => {
      this.#queue(call.ring, call.topic).push({
        op: call.op,
        body,
        trace: call.trace,
        timeoutMs: call.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        workspace: call.actor.workspace,
        resolve: (result) => resolve(result as Operations[O]['result']),
        reject,
      });
    });
  }

  typing(call: Omit<Call<'typing'>, 'op' | 'args'>): void {
    this.#useRing(call.ring);
    const slot = slotOf(call.topic);
    const { peer, epoch } = this.pick(call.ring, slot);
    if (peer === undefined) return;
    const request: Request<'typing'> = { op: 'typing', ring: call.ring, args: {}, actor: call.actor };
    peer.tell({ topic: call.topic, slot, epoch, trace: call.trace }, Buffer.from(JSON.stringify(request)));
  }

  /** One request to the server at `address`, once: rejects with `link_lost` when there is no link or no answer. */
  request<O extends Operation>(address: string, request: Request<O>): Promise<Operations[O]['result']> {
    const member = this.#control.members(request.ring).find((m) => m.address === address);
    const peer = this.#pool.get(member ?? { address, cell: '', zone: '' });
    if (peer === undefined || !peer.up) return Promise.reject(new ChatError('link_lost', { address }));
    const header = { topic: undefined, slot: 0, epoch: 0, attempt: UNORDERED, trace: undefined };
    return new Promise((resolve, reject) => {
      peer.request(header, Buffer.from(JSON.stringify(request)), (answer) => {
        if (answer === undefined) reject(new ChatError('link_lost', { address }));
        else if (answer.ok) resolve(answer.result as Operations[O]['result']);
        else reject(new ChatError(answer.error.code, answer.error.details));
      });
    });
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#stopListening();
    this.#slowTimer?.cancel();
    const error = new ChatError('service_unavailable');
    for (const queue of [...this.#queues.values()]) queue.fail(error);
    this.subscriptions.close(error);
    this.#pool.close();
    return Promise.resolve();
  }

  pick(ring: string, slot: number): Picked {
    const route = this.#book.route(ring, slot);
    const epoch = route?.epoch ?? 0;
    const owner = route?.owner && this.#pool.get(route.owner);
    if (owner?.up) return { peer: owner, owner, epoch };
    const standby = route?.standby && this.#pool.get(route.standby);
    if (standby?.up) return { peer: standby, owner, epoch };
    // Neither answers: anyone who reads the table knows whether there is a new owner.
    for (const member of this.#control.members(ring)) {
      const peer = this.#pool.get(member);
      if (peer?.up) return { peer, owner, epoch };
    }
    return { peer: undefined, owner, epoch };
  }

  moved(response: Response): boolean {
    if (response.ok || response.error.code !== 'moved') return false;
    const { ring, slot, epoch, owner } = response.error.details as {
      ring?: string;
      slot?: number;
      epoch?: number;
      owner?: RouteMember;
    };
    if (ring === undefined || slot === undefined || epoch === undefined || owner === undefined) return false;
    return this.#learn(ring, [slot], owner, epoch);
  }

  nextAttempt(): number {
    return ++this.#attempts;
  }

  #queue(ring: string, topic: TopicId): TopicQueue {
    const key = `${ring} ${topic}`;
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = new TopicQueue({ ring, topic, slot: slotOf(topic) }, this, () => this.#queues.delete(key));
      this.#queues.set(key, queue);
    }
    return queue;
  }

  #countSlow(): void {
    const now = this.clock.monotonicMs();
    for (const queue of this.#queues.values()) queue.countSlow(now);
  }

  #frame(header: Header, frame: Uint8Array): void {
    if (header.kind === KIND.event) this.subscriptions.event(header, frame);
    else if (header.kind === KIND.transient) this.subscriptions.transient(header, frame);
    else if (header.kind === KIND.owned) {
      this.#owned(JSON.parse(bodyOf(frame).toString()) as Owned);
    }
  }

  /**
   * The owner has claimed the slots, and serves. The control plane may have named it before, and who asked it in between
   * was refused and waits: that this is no news of the route is the news.
   */
  #owned({ ring, slots, owner, epoch }: Owned): void {
    this.#book.learn(ring, slots, owner, epoch);
    const current = slots.filter((slot) => this.#book.epoch(ring, slot) === epoch);
    if (current.length === 0) return;
    this.#pool.get(owner);
    this.#rerouteSlots(ring, current);
  }

  #learn(ring: string, slots: readonly number[], owner: RouteMember, epoch: number): boolean {
    const news = this.#book.learn(ring, slots, owner, epoch);
    if (news.length === 0) return false;
    this.#pool.get(owner);
    this.#rerouteSlots(ring, news);
    return true;
  }

  #ringChanged(ring: string, slots: readonly number[]): void {
    this.#book.prune(ring, slots);
    if (!this.#rings.has(ring)) return;
    this.#refreshLinks();
    this.#rerouteSlots(ring, slots);
  }

  #rerouteSlots(ring: string, slots: readonly number[]): void {
    const set = new Set(slots);
    for (const queue of [...this.#queues.values()]) if (queue.ring === ring && set.has(queue.slot)) queue.reroute();
    this.subscriptions.reroute(ring, set);
  }

  #linkUp(): void {
    for (const queue of [...this.#queues.values()]) queue.reroute();
    this.subscriptions.rerouteAll();
  }

  #useRing(ring: string): void {
    if (this.#rings.has(ring)) return;
    this.#rings.add(ring);
    this.#refreshLinks();
  }

  /** A link to every member of the rings in use, and to owners that are no member yet as far as the control plane knows. */
  #refreshLinks(): void {
    if (this.#closed) return;
    const wanted = new Map<string, RouteMember>();
    for (const ring of this.#rings)
      for (const member of [...this.#book.learnedOwners(ring), ...this.#control.members(ring)])
        wanted.set(member.address, member);
    this.#pool.retain(wanted);
    for (const member of wanted.values()) this.#pool.get(member);
  }
}
