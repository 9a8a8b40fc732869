/**
 * What Slack's own SDKs do, unmodified: log in, create, post, receive, edit, page history, open a DM. Runs against
 * whatever has the URL: `chatctl dev`, or a cluster through its edge.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { RTMClient } from '@slack/rtm-api';
import { LogLevel, WebClient } from '@slack/web-api';

export interface SdkTarget {
  /** `http(s)://host[:port]`. */
  url: string;
  /** Tokens of two users of one workspace. */
  tokenA: string;
  tokenB: string;
}

interface Event {
  type?: string;
  subtype?: string;
  channel?: string | { id: string };
  user?: string | { id: string };
  text?: string;
  ts?: string;
  seq?: number;
  reply_to?: number;
  client_msg_id?: string;
  message?: { text?: string; ts?: string };
  deleted_ts?: string;
}

const WAIT_MS = 20_000;

/** Everything that an RTM client received, and a way to wait for what is still to come. */
class Inbox {
  readonly events: Event[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(rtm: RTMClient) {
    rtm.on('slack_event', (_type: string, event: Event) => {
      this.events.push(event);
      for (const check of this.#waiting) check();
    });
  }

  async find(what: string, matches: (event: Event) => boolean): Promise<Event> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = this.events.find(matches);
        if (found === undefined) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        reject(new Error(`no ${what}; received: ${this.events.map((e) => JSON.stringify(e)).join('\n')}`));
      }, WAIT_MS);
      this.#waiting.add(check);
      check();
    });
  }
}

export interface Step {
  name: string;
  run(): Promise<void>;
}

/** Connects both users and gives the steps, in order, and what ends the clients. */
export async function sdkScenario(target: SdkTarget): Promise<{ steps: Step[]; close(): Promise<void> }> {
  const slackApiUrl = `${target.url.replace(/\/$/, '')}/api/`;
  const options = { slackApiUrl, logLevel: LogLevel.ERROR };
  const a = new WebClient(target.tokenA, options);
  const b = new WebClient(target.tokenB, options);
  // Short enough that the run sees rounds of the SDK's own keep-alive, long enough for a busy machine: the SDK does not
  // resume, so what comes while it reconnects is lost to it.
  const rtmOptions = { ...options, clientPingTimeout: 4_000, serverPongTimeout: 3_900 };
  const rtmA = new RTMClient(target.tokenA, rtmOptions as ConstructorParameters<typeof RTMClient>[1]);
  const rtmB = new RTMClient(target.tokenB, rtmOptions as ConstructorParameters<typeof RTMClient>[1]);
  const inboxA = new Inbox(rtmA);
  const inboxB = new Inbox(rtmB);
  let reconnects = 0;
  for (const rtm of [rtmA, rtmB]) rtm.on('reconnecting', () => reconnects++);
  const me = { a: '', b: '' };
  const name = `sdk-${randomUUID().slice(0, 8)}`;
  let channel = '';
  const sent: string[] = [];

  const steps: Step[] = [
    {
      name: 'auth.test and users.info',
      async run() {
        const [testA, testB] = [await a.auth.test(), await b.auth.test()];
        me.a = testA.user_id!;
        me.b = testB.user_id!;
        assert.notEqual(me.a, me.b);
        assert.equal(testA.team_id, testB.team_id);
        const { user } = await b.users.info({ user: me.a });
        assert.equal(user?.id, me.a);
        assert.equal(user?.team_id, testA.team_id);
        const test = await a.apiCall('api.test', { foo: 'bar' });
        assert.deepEqual((test as { args?: unknown }).args, { foo: 'bar' });
      },
    },
    {
      name: 'rtm.connect, hello, ready',
      async run() {
        for (const rtm of [rtmA, rtmB]) {
          const ready = new Promise((resolve) => rtm.once('ready', resolve));
          const { self } = (await rtm.start()) as unknown as { self: { id: string } };
          assert.equal(self.id, rtm === rtmA ? me.a : me.b);
          await ready;
        }
      },
    },
    {
      name: 'conversations.create, invite: the invitee hears of it',
      async run() {
        const created = await a.conversations.create({ name });
        channel = created.channel!.id!;
        assert.equal(created.channel!.name, name);
        assert.equal(created.channel!.is_member, true);
        await a.conversations.invite({ channel, users: me.b });
        await inboxB.find('channel_joined', (e) => e.type === 'channel_joined' && idOf(e.channel) === channel);
        const { members } = await b.conversations.members({ channel });
        assert.deepEqual([...members!].sort(), [me.a, me.b].sort());
        await assert.rejects(a.conversations.create({ name }), /name_taken/);
      },
    },
    {
      name: 'chat.postMessage reaches the other, and the poster’s own RTM socket',
      async run() {
        const { ts, message } = await a.chat.postMessage({ channel, text: 'hello <&> über 🎉' });
        sent.push(ts!);
        assert.equal(message!.text, 'hello <&> über 🎉');
        for (const inbox of [inboxA, inboxB]) {
          const event = await inbox.find('message', (e) => e.type === 'message' && e.ts === ts);
          assert.equal(event.text, 'hello <&> über 🎉');
          assert.equal(event.channel, channel);
          assert.equal(event.user, me.a);
        }
      },
    },
    {
      name: 'a message over RTM is acknowledged and reaches the other',
      async run() {
        const { ts } = await rtmA.sendMessage('over the socket', channel);
        sent.push(ts);
        const event = await inboxB.find('message', (e) => e.type === 'message' && e.ts === ts);
        assert.equal(event.text, 'over the socket');
        await assert.rejects(rtmA.sendMessage('nowhere', 'C1'), (e: { data?: { error?: { code?: string } } }) => {
          assert.equal(e.data?.error?.code, 'channel_not_found');
          return true;
        });
      },
    },
    {
      name: 'client_msg_id makes a retry the same message',
      async run() {
        const post = { channel, text: 'once', client_msg_id: randomUUID() };
        const [first, second] = [await a.chat.postMessage(post), await a.chat.postMessage(post)];
        sent.push(first.ts!);
        assert.equal(second.ts, first.ts);
      },
    },
    {
      name: 'chat.update and chat.delete are events',
      async run() {
        const { ts } = await a.chat.postMessage({ channel, text: 'draft' });
        await a.chat.update({ channel, ts: ts!, text: 'final' });
        const changed = await inboxB.find('edit', (e) => e.subtype === 'message_changed' && e.message?.ts === ts);
        assert.equal(changed.message?.text, 'final');
        await assert.rejects(b.chat.update({ channel, ts: ts!, text: 'x' }), /cant_update_message/);
        await a.chat.delete({ channel, ts: ts! });
        await inboxB.find('tombstone', (e) => e.subtype === 'message_deleted' && e.deleted_ts === ts);
      },
    },
    {
      name: 'conversations.history in pages is every message once, newest first',
      async run() {
        for (let i = 0; i < 25; i++) sent.push((await a.chat.postMessage({ channel, text: `n${i}` })).ts!);
        const seen: string[] = [];
        let pages = 0;
        for await (const page of b.paginate('conversations.history', { channel, limit: 10 })) {
          pages++;
          for (const message of (page as unknown as { messages: Event[] }).messages) seen.push(message.ts!);
        }
        assert.ok(pages >= 3, `${pages} pages`);
        const posted = seen.filter((ts) => sent.includes(ts));
        assert.deepEqual(posted, [...sent].reverse());
        assert.equal(new Set(seen).size, seen.length);
        const [oldest, latest] = [sent[5]!, sent[10]!];
        const inclusive = await b.conversations.history({ channel, oldest, latest, inclusive: true });
        assert.deepEqual(inclusive.messages!.map((m) => m.ts).reverse(), sent.slice(5, 11));
        const exclusive = await b.conversations.history({ channel, oldest, latest });
        assert.deepEqual(exclusive.messages!.map((m) => m.ts).reverse(), sent.slice(6, 10));
      },
    },
    {
      name: 'conversations.list and users.list find what was made',
      async run() {
        const names: string[] = [];
        for await (const page of a.paginate('conversations.list', { limit: 100, types: 'public_channel' }))
          for (const c of (page as unknown as { channels: { name: string }[] }).channels) names.push(c.name);
        assert.ok(names.includes(name));
        const ids: string[] = [];
        for await (const page of a.paginate('users.list', { limit: 100 }))
          for (const u of (page as unknown as { members: { id: string }[] }).members) ids.push(u.id);
        assert.ok(ids.includes(me.a) && ids.includes(me.b));
      },
    },
    {
      name: 'a DM is one for both, and is delivered',
      async run() {
        const [fromA, fromB] = [
          await a.conversations.open({ users: me.b }),
          await b.conversations.open({ users: me.a, return_im: true }),
        ];
        assert.equal(fromA.channel!.id, fromB.channel!.id);
        assert.equal((fromB.channel as { user?: string }).user, me.a);
        const dm = fromA.channel!.id!;
        const { ts } = await a.chat.postMessage({ channel: dm, text: 'psst' });
        await inboxB.find('DM', (e) => e.type === 'message' && e.channel === dm && e.ts === ts);
      },
    },
    {
      name: 'a kicked user receives nothing more',
      async run() {
        await a.conversations.kick({ channel, user: me.b });
        await inboxB.find('channel_left', (e) => e.type === 'channel_left' && idOf(e.channel) === channel);
        const { ts } = await a.chat.postMessage({ channel, text: 'secret' });
        await inboxA.find('message', (e) => e.ts === ts);
        const { ts: later } = await a.chat.postMessage({ channel: me.b, text: 'still there?' });
        await inboxB.find('DM', (e) => e.ts === later);
        assert.equal(
          inboxB.events.some((e) => e.ts === ts),
          false,
        );
        await assert.rejects(b.chat.postMessage({ channel, text: 'x' }), /not_in_channel/);
      },
    },
    {
      name: 'the SDK’s keep-alive is answered, and no client reconnected',
      async run() {
        const isPong = (e: Event): boolean => e.type === 'pong' && e.reply_to !== undefined;
        const before = inboxA.events.filter(isPong).length;
        await inboxA.find('two more pongs', () => inboxA.events.filter(isPong).length >= before + 2);
        assert.equal(reconnects, 0);
      },
    },
    {
      name: 'errors are Slack’s',
      async run() {
        await assert.rejects(new WebClient('nonsense', options).auth.test(), /invalid_auth/);
        await assert.rejects(new WebClient(undefined, options).auth.test(), /not_authed/);
        await assert.rejects(a.chat.postMessage({ channel: 'C0NOPE', text: 'x' }), /channel_not_found/);
        await assert.rejects(a.chat.postMessage({ channel, text: '' }), /no_text/);
        await assert.rejects(a.conversations.history({ channel, cursor: 'zzz' }), /invalid_cursor/);
        await assert.rejects(a.users.info({ user: 'U0NOPE' }), /user_not_found/);
        await assert.rejects(a.apiCall('no.such.method'), /unknown_method/);
      },
    },
  ];
  return {
    steps,
    async close() {
      // The SDK's disconnect trips over the holes in its list of awaited replies once anything was sent (7.0.4).
      for (const rtm of [rtmA, rtmB]) (rtm as unknown as { awaitingReplyList: unknown[] }).awaitingReplyList = [];
      // A client that lost its server would wait for it: the run has ended either way.
      const ended = Promise.allSettled([rtmA.disconnect(), rtmB.disconnect()]);
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5_000).unref())]);
    },
  };
}

const idOf = (value: string | { id: string } | undefined): string | undefined =>
  typeof value === 'string' ? value : value?.id;
