import { ChatError } from '../../cells/contract/errors.ts';
import { formatTs, kindOf, parseTs, type TopicId, type UserId } from '../../cells/contract/ids.ts';
import { slotOf } from '../../cells/contract/slot.ts';
import { authoriseChannel } from '../channel/authorise.ts';
import { type DurableOperation, decide, isDurable } from '../channel/decide.ts';
import { Draft } from '../channel/draft.ts';
import { Topic } from '../channel/topic.ts';
import { lookUp, postedOf, writeOp } from '../channel/write-op.ts';
import type { Operations } from '../protocol/operations.ts';
import type { Call, OwnerClient, TopicListener } from '../protocol/owner-client.ts';
import type { ChannelRow, Store } from '../storage/store.ts';

export function scratchOwner(store: Store, me: string, epoch: number, ring: string) {
  const topics = new Map<TopicId, { topic: Topic; chain: Promise<unknown> }>();
  const listeners: TopicListener[] = [];
  const at = (id: TopicId) => {
    let t = topics.get(id);
    if (!t) {
      const slot = slotOf(BigInt(parseInt36(id)));
      t = {
        topic: new Topic(
          { topic: id, slot, epoch },
          store,
          store.log.heads([id]).then((m) => m.get(id)!),
        ),
        chain: Promise.resolve(),
      };
      topics.set(id, t);
    }
    return t;
  };
  async function run(c: Call<any>): Promise<any> {
    const { topic } = at(c.topic);
    await topic.loaded;
    if (isDurable(c.op)) {
      const op = writeOp({
        request: { op: c.op, ring, args: c.args, actor: c.actor } as any,
        trace: c.trace,
        arrivedMs: 0,
        respond: () => {},
        ignoreKey: false,
      } as any);
      await lookUp(op, topic, store);
      const key = c.op === 'post' ? c.args.clientKey : undefined;
      if (key && c.actor.user) {
        const [f] = await store.log.findByClientKey([{ topic: c.topic, user: c.actor.user, clientKey: key }]);
        if (f) topic.remember(c.actor.user, key, postedOf(f));
      }
      const draft = new Draft(topic, BigInt(Date.now()) * 1000n);
      const response = decide(draft, op);
      if (!response.ok) throw new ChatError(response.error.code, response.error.details);
      if (draft.events.length) {
        await store.log.claim(me, [{ ring, slot: topic.slot, epoch }]);
        await store.log.append(
          me,
          [{ ring, slot: topic.slot, epoch }],
          draft.events.map((e) => e.entry),
        );
        for (const { entry, trace } of draft.events) {
          topic.head = { seq: entry.seq, ts: entry.ts };
          const p = entry.projection;
          if (p.kind === 'channel') topic.channel = p.channel;
          if (p.kind === 'member') topic.members.committed(p.user, p.member);
          const ev = {
            topic: c.topic,
            seq: entry.seq,
            epoch,
            json: Buffer.from(entry.payload),
            trace,
            ...(p.kind === 'member' ? { member: { user: p.user, joined: p.member } } : {}),
          };
          setImmediate(() => {
            for (const l of listeners) l.event(ev);
          });
          await project(c, topic.channel, entry);
        }
      }
      return response.result;
    }
    if (!topic.isChannel) {
      if (c.op === 'info') return { head: topic.head.seq };
      if (c.op === 'replay') return { events: [], oldest: 0 };
      throw new ChatError('internal_error');
    }
    const channel = await topic.channelOf(c.actor.workspace);
    if (channel && c.actor.user) await topic.members.lookUp([c.actor.user]);
    const isMember = c.actor.user !== undefined && topic.isMember(c.actor.user) === true;
    const bad = authoriseChannel(c.op, c.actor, { channel, isMember });
    if (bad) throw new ChatError(bad);
    if (c.op === 'info') return { channel, isMember, head: topic.head.seq };
    if (c.op === 'replay') {
      const ev = await store.log.read(c.topic, c.args.afterSeq, c.args.limit);
      return { events: ev.map((e: any) => ({ seq: e.seq, payload: e.payload })), oldest: 1 };
    }
    if (c.op === 'members') {
      const users = await store.log.members(c.topic, { ...c.args, limit: c.args.limit + 1 });
      return { users: users.slice(0, c.args.limit), more: users.length > c.args.limit };
    }
    if (c.op === 'history') {
      const a = c.args as Operations['history']['args'];
      const rows = await store.log.history(c.actor.workspace, c.topic, {
        ...(a.oldest ? { oldest: parseTs(a.oldest)! } : {}),
        ...(a.latest ? { latest: parseTs(a.latest)! } : {}),
        inclusive: a.inclusive,
        limit: a.limit + 1,
      });
      return {
        messages: rows.slice(0, a.limit).map((r) => ({ seq: r.seq, ts: formatTs(r.ts), payload: r.payload })),
        more: rows.length > a.limit,
      };
    }
    throw new ChatError('internal_error');
  }
  async function project(c: Call<any>, channel: ChannelRow | undefined, entry: any) {
    if (entry.projection.kind === 'channel') await store.directory.applyChannel(entry.projection.channel, entry.seq);
    if (entry.projection.kind === 'member') {
      await store.directory.applyMembership(entry.projection.user, channel!, entry.projection.member, entry.seq);
      const type = entry.projection.member ? 'channel_joined' : 'channel_left';
      await client().call({
        ring,
        topic: entry.projection.user,
        op: 'publish',
        actor: { workspace: c.actor.workspace, user: undefined, roles: [] },
        args: {
          type,
          event: {
            type,
            channel: type === 'channel_joined' ? { id: c.topic, name: channel!.name } : c.topic,
            channel_seq: entry.seq,
          },
          clientKey: `${c.topic}:${entry.seq}`,
        },
      });
    }
  }
  const client = (listener?: TopicListener): OwnerClient => {
    if (listener) listeners.push(listener);
    return {
      call(c: any) {
        const t = at(c.topic);
        const r = t.chain.then(() => run(c));
        t.chain = r.catch(() => {});
        return r;
      },
      typing() {},
      subscriptions: {
        async add(_ring: string, id: TopicId, actor: any) {
          const t = at(id);
          await t.topic.loaded;
          if (kindOf(id) !== 'U' && kindOf(id) !== 'T') {
            await t.topic.channelOf(actor.workspace);
            await t.topic.members.lookUp([actor.user]);
            if (!t.topic.isMember(actor.user)) throw new ChatError('channel_not_found');
          }
          return { head: t.topic.head.seq };
        },
        remove() {},
      },
      close: async () => {},
    } as any;
  };
  return client;
}
function parseInt36(id: string): bigint {
  let n = 0n;
  for (const ch of id.slice(1)) n = n * 36n + BigInt(parseInt(ch, 36));
  return n;
}
