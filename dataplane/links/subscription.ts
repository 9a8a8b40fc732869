/**
 * One topic's subscription of this process, shared by all its users here. Whatever happens to links and owners, the
 * listener gets the events in seq order, none twice and none left out: `#last` is the seq that was delivered last, and
 * every resubscription starts there.
 */
import type { Timer } from '../../cells/contract/clock.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import { type TopicId, type UserId, userId, type WorkspaceId } from '../../cells/contract/ids.ts';
import { bodyOf, encodeFrame, FLAG, type Header, KIND } from '../protocol/frames.ts';
import type { Actor, Operations, Request, Response } from '../protocol/operations.ts';
import type { TopicEvent, TopicListener } from '../protocol/owner-client.ts';
import { backoffMs } from './backoff.ts';
import { type PeerLink, UNORDERED } from './peer-link.ts';
import { type Refusal, refusalOf } from './refusals.ts';
import type { Asker, SubscribeTurns } from './subscribe-turns.ts';
import type { Routing } from './topic-queue.ts';

const RETRY_BASE_MS = 20;
const RETRY_MAX_MS = 2_000;
/**
 * Who comes to serve a slot says so by itself, and so does a link that comes up: asking again is for the case that this
 * was never heard. Later than a takeover as a rule, or each of a dead owner's thousands of slots would ask in vain.
 */
const UNHEARD_MS = 6_000;
const MEMBER_BYTES = 8;

interface Waiter {
  resolve(head: number): void;
  reject(error: ChatError): void;
}

interface SubscribedUser {
  user: UserId;
  actor: Actor;
  /** The owner has let the user in, at some time. */
  confirmed: boolean;
  waiters: Waiter[];
}

export class Subscription implements Asker {
  readonly ring: string;
  readonly topic: TopicId;
  readonly slot: number;
  readonly slotKey: string;
  readonly #routing: Routing;
  readonly #turns: SubscribeTurns;
  readonly #listener: TopicListener;
  readonly #users = new Map<UserId, SubscribedUser>();
  #last: number | undefined;
  /** Where the subscription lives, and the owner's epoch there; undefined while it must be made again. */
  #peer: PeerLink | undefined;
  #epoch = 0;
  /** The request in flight: a late answer to an older one means nothing. */
  #request = 0;
  #asked: PeerLink | undefined;
  #retry: Timer | undefined;
  #failures = 0;
  #closed = false;

  constructor(
    at: { ring: string; topic: TopicId; slot: number; slotKey: string },
    routing: Routing,
    turns: SubscribeTurns,
    listener: TopicListener,
  ) {
    this.ring = at.ring;
    this.topic = at.topic;
    this.slot = at.slot;
    this.slotKey = at.slotKey;
    this.#routing = routing;
    this.#turns = turns;
    this.#listener = listener;
  }

  get empty(): boolean {
    return this.#users.size === 0;
  }

  add(user: UserId, actor: Actor, waiter: Waiter): void {
    const known = this.#users.get(user);
    if (known === undefined) this.#users.set(user, { user, actor, confirmed: false, waiters: [waiter] });
    else known.waiters.push(waiter); // asked again all the same: it may have been kicked since
    this.#pump();
  }

  remove(user: UserId, error: ChatError): void {
    const known = this.#users.get(user);
    this.#users.delete(user);
    for (const waiter of known?.waiters ?? []) waiter.reject(error);
  }

  /** The caller gave up waiting; the user stays if it was let in before. */
  giveUp(user: UserId, waiter: Waiter): void {
    const known = this.#users.get(user);
    if (known === undefined) return;
    known.waiters = known.waiters.filter((w) => w !== waiter);
    if (!known.confirmed && known.waiters.length === 0) this.#users.delete(user);
  }

  close(error: ChatError): void {
    this.#closed = true;
    this.#request++;
    for (const user of [...this.#users.keys()]) this.remove(user, error);
    this.#retry?.cancel();
    this.#turns.leave(this);
    for (const peer of new Set([this.#peer, this.#asked])) this.#unsubscribe(peer);
  }

  turn(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#pump();
  }

  /** The route of the slot changed, or a link came up. */
  reroute(): void {
    const { peer, owner, epoch } = this.#routing.pick(this.ring, this.slot);
    if (peer === undefined) return;
    const at = this.#asked ?? this.#peer;
    // Another server was asked while the owner's link was down: what it answers would be no news by then.
    const astray = this.#asked !== undefined && this.#asked !== peer && peer === owner;
    if (at?.up && epoch <= this.#epoch && !astray) return;
    this.#restart();
  }

  peerDown(peer: PeerLink): void {
    if (this.#peer !== peer) return;
    this.#peer = undefined;
    if (this.#asked === undefined && this.#turns.refused(this)) this.#later(UNHEARD_MS);
  }

  event(header: Header, frame: Uint8Array, knownEpoch: number): void {
    // A stale owner's events are in the log as well: the new owner sends them again, in their place.
    if (header.epoch < knownEpoch) return;
    if (this.#last === undefined || header.seq <= this.#last) return;
    if (header.seq > this.#last + 1) {
      if (this.#asked === undefined) this.#restart();
      return;
    }
    this.#last = header.seq;
    this.#listener.event(toEvent(this.topic, header, frame));
  }

  #restart(): void {
    const peer = this.#peer;
    this.#peer = undefined;
    this.#request++;
    const asked = this.#asked;
    this.#asked = undefined;
    this.#retry?.cancel();
    this.#retry = undefined;
    for (const old of new Set([peer, asked])) this.#unsubscribe(old);
    this.#pump();
  }

  #unsubscribe(peer: PeerLink | undefined): void {
    peer?.send(encodeFrame({ kind: KIND.unsubscribe, topic: this.topic, slot: this.slot }));
  }

  /** Sends what is to be asked, one request at a time. */
  #pump(): void {
    if (this.#closed || this.#asked !== undefined || this.#retry !== undefined || this.#users.size === 0) return;
    if (this.#peer === undefined && this.#turns.parks(this)) return;
    const whole = this.#peer === undefined;
    const due = [...this.#users.values()].filter((u) => whole || u.waiters.length > 0);
    // One request speaks for one workspace: whoever asks for a foreign topic must not speak for those whose it is. Users
    // who were let in before go first, since a subscription that must be made again is made for them.
    const workspace = (due.find((u) => u.confirmed) ?? due[0])?.actor.workspace;
    if (workspace === undefined) return;
    const users = due.filter((u) => u.actor.workspace === workspace);
    const route = this.#routing.pick(this.ring, this.slot);
    const peer = this.#peer ?? route.peer;
    if (peer === undefined || !peer.up) {
      this.#later(UNHEARD_MS);
      return;
    }
    if (!this.#turns.take(this, peer)) return;
    this.#ask(peer, route.epoch, workspace, users);
  }

  #ask(peer: PeerLink, epoch: number, workspace: WorkspaceId, asked: readonly SubscribedUser[]): void {
    const request = ++this.#request;
    this.#asked = peer;
    this.#epoch = epoch;
    // Waiters stay with their user until an answer names it: a refusal or a reroute asks again for them.
    const waiting = new Map(asked.map(({ user, waiters }) => [user, [...waiters]]));
    const users = [...waiting.keys()];
    const args: Operations['subscribe']['args'] = {
      users,
      ...(this.#last === undefined ? {} : { afterSeq: this.#last }),
    };
    const sole = asked.length === 1 ? asked[0]!.actor : undefined;
    const actor: Actor = sole ?? { workspace, user: undefined, roles: [] };
    const body = Buffer.from(
      JSON.stringify({ op: 'subscribe', ring: this.ring, args, actor } satisfies Request<'subscribe'>),
    );
    const header = { topic: this.topic, slot: this.slot, epoch, attempt: UNORDERED, trace: undefined };
    peer.request(header, body, (answer, header) => {
      this.#turns.answered(peer);
      if (this.#closed || this.#request !== request) return;
      this.#asked = undefined;
      this.#answered(peer, answer ?? linkLost(peer), header, waiting);
    });
  }

  #answered(peer: PeerLink, answer: Response, header: Header | undefined, waiting: Map<UserId, Waiter[]>): void {
    const refusal = answer.ok ? undefined : refusalOf(answer.error.code);
    if (refusal !== undefined) {
      this.#refused(answer, refusal);
      return;
    }
    this.#turns.open(this.slotKey, this);
    this.#failures = 0;
    if (!answer.ok) {
      const error = new ChatError(answer.error.code, answer.error.details);
      for (const [user, waiters] of waiting) this.#deny(user, waiters, error);
      this.#pump();
      return;
    }
    const { head, denied } = answer.result as Operations['subscribe']['result'];
    this.#peer = peer;
    this.#epoch = Math.max(this.#epoch, header?.epoch ?? 0);
    this.#last ??= head;
    const refused = new Set(denied);
    for (const [user, waiters] of waiting) {
      if (refused.has(user)) this.#deny(user, waiters, new ChatError('channel_not_found'));
      else this.#admit(user, waiters, head);
    }
    if (this.#last < head) {
      this.#restart(); // the owner broke its word; never leave a gap
      return;
    }
    this.#pump();
  }

  /** For now. */
  #refused(answer: Response, refusal: Refusal): void {
    this.#peer = undefined;
    const news = this.#routing.moved(answer);
    if (this.#asked !== undefined) return; // rerouted by the news already
    if (news) this.#pump();
    else if (refusal === 'topic') {
      this.#turns.leave(this); // the slot's others do not wait for what only this one cannot have
      this.#later(RETRY_BASE_MS);
    } else if (this.#turns.refused(this)) this.#later(refusal === 'serving' ? UNHEARD_MS : RETRY_BASE_MS);
  }

  #admit(user: UserId, waiters: readonly Waiter[], head: number): void {
    const known = this.#users.get(user);
    if (known !== undefined) {
      known.confirmed = true;
      known.waiters = known.waiters.filter((w) => !waiters.includes(w));
    }
    for (const waiter of waiters) waiter.resolve(head);
  }

  #deny(user: UserId, waiters: readonly Waiter[], error: ChatError): void {
    const known = this.#users.get(user);
    this.#users.delete(user);
    for (const waiter of new Set([...waiters, ...(known?.waiters ?? [])])) waiter.reject(error);
    if (known?.confirmed) this.#listener.denied(this.topic, user);
  }

  #later(baseMs: number): void {
    if (this.#retry !== undefined) return;
    const delay = backoffMs(this.#failures++, baseMs, Math.max(baseMs, RETRY_MAX_MS), this.#routing.random);
    this.#retry = this.#routing.clock.after(delay, () => {
      this.#retry = undefined;
      this.#pump();
    });
  }
}

const linkLost = ({ address }: PeerLink): Response => ({
  ok: false,
  error: { code: 'link_lost', details: { address } },
});

function toEvent(topic: TopicId, header: Header, frame: Uint8Array): TopicEvent {
  const body = bodyOf(frame);
  const joined = (header.flags & FLAG.memberJoined) !== 0;
  const isMember = joined || (header.flags & FLAG.memberLeft) !== 0;
  // Copied once for all users here: the frame is the transport's.
  const json = Buffer.from(isMember ? body.subarray(MEMBER_BYTES) : body);
  const event: TopicEvent = { topic, seq: header.seq, epoch: header.epoch, json, trace: header.trace };
  if (isMember) event.member = { user: userId(body.readBigUInt64LE(0)), joined };
  return event;
}
