/**
 * TEST DOUBLE of topic owners and directory, in memory: one log a topic, members, the operations that a gateway uses.
 * It shows how the gateway behaves towards the interface; the real channel server is tested against it elsewhere.
 */
import type { WorkspaceEntry } from '../../cells/contract/control.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import { formatTs, kindOf, type TopicId, type UserId, type WorkspaceId } from '../../cells/contract/ids.ts';
import type { Operations } from '../protocol/operations.ts';
import type { Call, OwnerClient, TopicListener } from '../protocol/owner-client.ts';
import type { ChannelRow, Directory, Membership, UserRow } from '../storage/store.ts';

interface Log {
  workspace: WorkspaceId;
  events: { seq: number; payload: string }[];
  members: Map<UserId, number>;
  keys: Map<string, { ts: string; seq: number }>;
}

export class MemoryOwners {
  readonly #logs = new Map<TopicId, Log>();
  readonly #users = new Map<UserId, UserRow>();
  readonly #gateways = new Set<{ listener: TopicListener; topics: Map<TopicId, Set<UserId>> }>();
  #micros = 1_790_000_000_000_000n;
  /** Posts are answered when this resolves; set it to keep them in flight. */
  gate: Promise<void> = Promise.resolve();

  readonly directory: Pick<Directory, 'memberships' | 'users'> = {
    users: async (workspace, ids) =>
      new Map(
        ids.flatMap((id) => {
          const row = this.#users.get(id);
          return row?.workspace === workspace ? [[id, row]] : [];
        }),
      ),
    memberships: async (workspace, user) =>
      [...this.#logs].flatMap(([id, log]): Membership[] => {
        const seq = log.members.get(user);
        return seq === undefined || log.workspace !== workspace ? [] : [{ channel: row(id, workspace, user), seq }];
      }),
  };

  addUser(workspace: WorkspaceEntry, id: UserId): void {
    this.#users.set(id, {
      id,
      workspace: workspace.id,
      name: id.toLowerCase(),
      email: undefined,
      roles: ['member'],
      deleted: false,
    });
  }

  addChannel(workspace: WorkspaceId, id: TopicId, members: readonly UserId[]): void {
    this.#log(workspace, id);
    for (const user of members) this.join(id, user);
  }

  join(id: TopicId, user: UserId): void {
    const log = this.#logs.get(id)!;
    const seq = this.#append(id, { type: 'member_joined_channel', user, channel: id }, { user, joined: true });
    log.members.set(user, seq);
    this.#log(log.workspace, user);
    this.#append(user, { type: 'channel_joined', channel: row(id, log.workspace, user), topic: user, joined_seq: seq });
  }

  kick(id: TopicId, user: UserId): void {
    const log = this.#logs.get(id)!;
    log.members.delete(user);
    this.#append(id, { type: 'member_left_channel', user, channel: id }, { user, joined: false });
    this.#append(user, { type: 'channel_left', channel: id, topic: user });
  }

  /** A message by a user who is on no gateway. */
  post(id: TopicId, user: UserId, text: string): number {
    return this.#append(id, { type: 'message', channel: id, user, text });
  }

  publish(workspace: WorkspaceId, topic: TopicId, event: Record<string, unknown>): void {
    this.#log(workspace, topic);
    this.#append(topic, { ...event, topic });
  }

  head(id: TopicId): number {
    return this.#logs.get(id)?.events.length ?? 0;
  }

  /** The owner client of one gateway. */
  client(listener: TopicListener): OwnerClient {
    const gateway = { listener, topics: new Map<TopicId, Set<UserId>>() };
    this.#gateways.add(gateway);
    return {
      call: (call) => this.#call(call as unknown as Call<'post'>),
      typing: ({ topic, actor }) => {
        const json = Buffer.from(JSON.stringify({ type: 'user_typing', channel: topic, user: actor.user }));
        for (const g of this.#gateways) if (g.topics.has(topic)) g.listener.transient(topic, json);
      },
      subscriptions: {
        add: async (_ring, topic, actor) => {
          const log = this.#log(actor.workspace, topic);
          this.#authorise(log, topic, actor);
          const users = gateway.topics.get(topic) ?? new Set();
          gateway.topics.set(topic, users.add(actor.user!));
          return { head: log.events.length };
        },
        remove: (topic, user) => {
          const users = gateway.topics.get(topic);
          users?.delete(user);
          if (users?.size === 0) gateway.topics.delete(topic);
        },
      },
      close: async () => void this.#gateways.delete(gateway),
    };
  }

  subscribed(topic: TopicId): boolean {
    return [...this.#gateways].some((g) => g.topics.has(topic));
  }

  async #call(call: Call<'post'> | Call<'replay'>): Promise<never> {
    const { topic, op, args, actor } = call;
    const log = this.#log(actor.workspace, topic);
    this.#authorise(log, topic, actor);
    const result =
      op === 'post'
        ? await this.#post(log, topic, args as Operations['post']['args'], actor.user!)
        : this.#replay(log, args as Operations['replay']['args']);
    return result as never;
  }

  async #post(log: Log, topic: TopicId, args: Operations['post']['args'], user: UserId) {
    const key = `${user}/${args.clientKey}`;
    const known = log.keys.get(key);
    if (known !== undefined) return { ...known, duplicate: true };
    const client_msg_id = args.clientKey.startsWith('~') ? undefined : args.clientKey;
    const seq = this.#append(topic, { type: 'message', channel: topic, user, text: args.text, client_msg_id });
    const { ts } = JSON.parse(log.events[seq - 1]!.payload) as { ts: string };
    log.keys.set(key, { ts, seq });
    await this.gate;
    return { ts, seq, duplicate: false };
  }

  #replay(log: Log, { afterSeq, upTo, limit }: Operations['replay']['args']) {
    return { events: log.events.filter((e) => e.seq > afterSeq && e.seq <= upTo).slice(0, limit), oldest: 1 };
  }

  #authorise(log: Log, topic: TopicId, actor: { workspace: WorkspaceId; user: UserId | undefined }): void {
    const own = topic === actor.user || topic === actor.workspace;
    if (own) return;
    if (kindOf(topic) === 'U' || log.workspace !== actor.workspace || !log.members.has(actor.user!))
      throw new ChatError('channel_not_found');
  }

  #append(topic: TopicId, event: Record<string, unknown>, member?: { user: UserId; joined: boolean }): number {
    const log = this.#logs.get(topic)!;
    const seq = log.events.length + 1;
    this.#micros += 1n;
    const payload = JSON.stringify({ ...event, ts: formatTs(this.#micros), seq });
    log.events.push({ seq, payload });
    const json = Buffer.from(payload);
    for (const { listener, topics } of this.#gateways)
      if (topics.has(topic))
        listener.event({ topic, seq, epoch: 1, json, trace: undefined, ...(member === undefined ? {} : { member }) });
    return seq;
  }

  #log(workspace: WorkspaceId, id: TopicId): Log {
    let log = this.#logs.get(id);
    if (log === undefined) {
      log = { workspace, events: [], members: new Map(), keys: new Map() };
      this.#logs.set(id, log);
    }
    return log;
  }
}

const row = (id: TopicId, workspace: WorkspaceId, creator: UserId): ChannelRow => ({
  id,
  workspace,
  name: id.toLowerCase(),
  isPrivate: true,
  isArchived: false,
  creator,
  created: 1,
});
