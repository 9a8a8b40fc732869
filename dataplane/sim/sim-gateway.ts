/**
 * A gateway process reduced to what the rules are about: the real links and subscriptions, and users with a view each.
 * The WebSocket side has tests of its own; here every user's events are noted as they leave the subscription.
 */
import { ChatError } from '../../cells/contract/errors.ts';
import type { TopicId, UserId, WorkspaceId } from '../../cells/contract/ids.ts';
import { formatTs } from '../../cells/contract/ids.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import type { TableControl } from '../channel/table-control.ts';
import { payloadHash } from '../client/history/index.ts';
import { createOwnerClient } from '../links/owner-client.ts';
import type { OwnerClient, TopicEvent } from '../protocol/owner-client.ts';
import type { LinkTransport } from '../protocol/transport.ts';
import type { SimProcess } from './process.ts';
import type { Records } from './records.ts';

export interface SimUser {
  name: string;
  id: UserId;
  workspace: WorkspaceId;
}

const RETRY_MS = 200;

export class SimGateway {
  readonly #process: SimProcess;
  readonly #ring: string;
  readonly #records: Records;
  readonly #owners: OwnerClient;
  /** The users of each topic who have it on this gateway. */
  readonly #views = new Map<TopicId, Map<UserId, SimUser>>();
  #pending = 0;

  constructor(options: {
    process: SimProcess;
    ring: string;
    control: TableControl;
    transport: LinkTransport;
    log: Logger;
    records: Records;
  }) {
    const { process, ring, control, transport, log, records } = options;
    this.#process = process;
    this.#ring = ring;
    this.#records = records;
    const { name, zone, clock, random } = process;
    this.#owners = createOwnerClient({
      ...{ control, transport, clock, random, log },
      hello: { role: 'gateway', incarnation: name, zone, cell: zone, pod: name },
      listener: {
        event: (event) => this.#event(event),
        transient: () => {},
        denied: (topic, user) => void this.#views.get(topic)?.delete(user),
      },
    });
  }

  /** Calls and retries that have no result yet. */
  get pending(): number {
    return this.#pending;
  }

  call: OwnerClient['call'] = (call) => this.#owners.call(call);

  open(user: SimUser): void {
    this.#records.record(user.name, { kind: 'open', client: user.name, workspace: user.workspace, user: user.id });
  }

  /** Subscribes the user to the topic; again until it is let in or refused for good. */
  async subscribe(user: SimUser, topic: TopicId): Promise<'in' | 'refused'> {
    this.#pending++;
    try {
      return await this.#subscribe(user, topic);
    } finally {
      this.#pending--;
    }
  }

  async #subscribe(user: SimUser, topic: TopicId): Promise<'in' | 'refused'> {
    for (;;) {
      try {
        const { head } = await this.#owners.subscriptions.add(this.#ring, topic, this.#actor(user));
        const views = this.#views.get(topic) ?? new Map<UserId, SimUser>();
        this.#views.set(topic, views);
        views.set(user.id, user);
        this.#records.record(user.name, { kind: 'subscribed', topic, seq: head });
        return 'in';
      } catch (e: unknown) {
        if (!ChatError.from(e).retryable) return 'refused';
        await this.#pause();
      }
    }
  }

  /** Posts under one key until it is acknowledged or refused for good; the refusal's code, if it was. */
  async post(user: SimUser, topic: TopicId, key: string): Promise<string | undefined> {
    this.#records.record(user.name, { kind: 'sent', topic, client_msg_id: key });
    this.#pending++;
    try {
      for (;;) {
        try {
          const { ts, seq } = await this.#owners.call({
            ...{ ring: this.#ring, topic, op: 'post', actor: this.#actor(user) },
            args: { text: `${user.name} ${key}`, clientKey: key },
          });
          this.#records.record(user.name, { kind: 'ack', topic, client_msg_id: key, ts, seq, via: 'http' });
          return undefined;
        } catch (e: unknown) {
          const error = ChatError.from(e);
          this.#records.note(`${user.name} ${key} ${error.code}`);
          if (!error.retryable) return error.code;
          await this.#pause();
        }
      }
    } finally {
      this.#pending--;
    }
  }

  async kick(by: SimUser, topic: TopicId, user: SimUser): Promise<string | undefined> {
    this.#pending++;
    try {
      for (;;) {
        try {
          await this.#owners.call({
            ...{ ring: this.#ring, topic, op: 'kick', actor: this.#actor(by) },
            args: { user: user.id },
          });
          return undefined;
        } catch (e: unknown) {
          const { code, retryable } = ChatError.from(e);
          if (!retryable) return code;
          await this.#pause();
        }
      }
    } finally {
      this.#pending--;
    }
  }

  #actor(user: SimUser): { workspace: WorkspaceId; user: UserId; roles: string[] } {
    return { workspace: user.workspace, user: user.id, roles: ['member'] };
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#process.clock.after(RETRY_MS * (0.5 + this.#process.random.next()), resolve);
    });
  }

  #event(event: TopicEvent): void {
    const text = event.json.toString();
    const { type, client_msg_id, ts } = JSON.parse(text) as { type: string; client_msg_id?: string; ts?: string };
    const views = this.#views.get(event.topic);
    for (const user of [...(views?.values() ?? [])]) {
      this.#records.record(user.name, {
        ...{ kind: 'event', topic: event.topic, seq: event.seq, ts: ts ?? formatTs(0n), type, hash: payloadHash(text) },
        ...(client_msg_id === undefined ? {} : { client_msg_id }),
      });
      // In log order, as the gateway does: the event that ends a membership is the last that the user gets.
      if (event.member?.user === user.id && !event.member.joined) {
        views?.delete(user.id);
        this.#owners.subscriptions.remove(event.topic, user.id);
      }
    }
  }
}
