import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { topicId, type UserId, userId, workspaceId } from '../../cells/contract/ids.ts';
import { createLogger } from '../../cells/contract/process/log.ts';
import { emptyTable, type Member, nextTable } from '../../cells/contract/ring-table.ts';
import { systemClock as clock, systemRandom as random } from '../../cells/contract/system-clock.ts';
import { createOwnerClient, TcpTransport } from '../links/index.ts';
import type { OwnerClient, TopicEvent } from '../protocol/owner-client.ts';
import { openStore } from '../storage/open.ts';
import type { ChannelRow, Store } from '../storage/store.ts';
import { ChannelMetrics } from './metrics.ts';
import { ChannelServer } from './server.ts';
import { TableControl } from './table-control.ts';

const RING = 'test/main';
const WORKSPACE = workspaceId(7n);
const ADA = userId(101n);
const BOB = userId(102n);
const CHANNEL = topicId('C', 5001n);
const HEARTBEAT_MS = 50;
const log = createLogger({}, 'fatal');

class World {
  readonly control = new TableControl();
  readonly events: TopicEvent[] = [];
  readonly servers: ChannelServer[] = [];
  readonly members: Member[] = [];
  readonly url = `sqlite:${join(mkdtempSync(join(tmpdir(), 'channel-')), 'test.db')}`;
  store!: Store;
  owners!: OwnerClient;
  #poll!: { cancel(): void };

  async start(count: number): Promise<this> {
    this.store = await openStore(this.url);
    await this.store.migrate();
    for (const id of [ADA, BOB]) await this.store.directory.provisionUser(userRow(id));
    for (let i = 0; i < count; i++) await this.add();
    await this.commit((t) => {
      t.owner.fill(0);
      t.standby.fill(count > 1 ? 1 : 0xffff);
      t.slotEpoch.fill(t.epoch);
    });
    this.#poll = clock.every(20, () => void this.#refresh());
    this.owners = createOwnerClient({
      control: this.control,
      transport: new TcpTransport(),
      ...{ clock, random, log },
      hello: { role: 'gateway', incarnation: 'gateway/1', zone: 'zone-a', cell: 'cell-a', pod: 'gateway' },
      listener: { event: (e) => void this.events.push(e), transient: () => {}, denied: () => {} },
    });
    return this;
  }

  async add(): Promise<ChannelServer> {
    const i = this.members.length;
    const row = {
      incarnation: `pod-${i}/1`,
      pod: `pod-${i}`,
      cell: `cell-${i}`,
      zone: `zone-${i}`,
      ring: RING,
      weight: 1,
      address: '127.0.0.1:0',
    };
    const server = await ChannelServer.start({
      store: await openStore(this.url),
      transport: new TcpTransport(),
      ...{ clock, random, log, row },
      metrics: new ChannelMetrics(),
      heartbeatMs: HEARTBEAT_MS,
      missed: 4,
    });
    this.servers.push(server);
    this.members.push({ ...row, address: server.address });
    return server;
  }

  async commit(change: (table: ReturnType<typeof nextTable>) => void): Promise<void> {
    await eventually('table committed', async () => {
      const next = nextTable((await this.store.ring.readTable(RING)) ?? emptyTable(RING));
      next.members = this.members;
      change(next);
      return (await this.store.ring.compareAndSetTable(next)) || undefined;
    });
  }

  async #refresh(): Promise<void> {
    const table = await this.store.ring.readTable(RING, this.control.table?.epoch);
    if (table !== undefined) this.control.update(table);
  }

  createChannel(members: UserId[] = [BOB]): Promise<{ created: boolean }> {
    const channel: ChannelRow = {
      id: CHANNEL,
      workspace: WORKSPACE,
      name: 'general',
      isPrivate: true,
      isArchived: false,
      creator: ADA,
      created: 1,
    };
    return this.owners.call({
      ring: RING,
      topic: CHANNEL,
      op: 'create',
      args: { channel, members },
      actor: actor(ADA),
    });
  }

  post(text: string, clientKey: string, user = ADA): Promise<{ seq: number; ts: string; duplicate: boolean }> {
    return this.owners.call({ ring: RING, topic: CHANNEL, op: 'post', args: { text, clientKey }, actor: actor(user) });
  }

  async close(): Promise<void> {
    this.#poll?.cancel();
    await this.owners?.close();
    for (const server of this.servers) await server.close(0);
    await this.store.close();
  }
}

const actor = (user: UserId) => ({ workspace: WORKSPACE, user, roles: ['member'] });
const userRow = (id: UserId) => ({
  id,
  workspace: WORKSPACE,
  name: id,
  email: undefined,
  roles: ['member'],
  deleted: false,
});

async function eventually<T>(what: string, probe: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    assert.ok(performance.now() < deadline, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

let world: World;
afterEach(() => world.close());

test('a post is stored, answered and fanned out in order; a retry is answered as the first', async () => {
  world = await new World().start(1);
  assert.deepEqual(await world.createChannel(), { created: true });
  assert.deepEqual(await world.createChannel(), { created: false });
  const { head } = await world.owners.subscriptions.add(RING, CHANNEL, actor(BOB));
  assert.equal(head, 3); // created, two members
  const posts = await Promise.all(Array.from({ length: 50 }, (_, i) => world.post(`m${i}`, `key-${i}`)));
  assert.deepEqual(
    posts.map((p) => p.seq),
    Array.from({ length: 50 }, (_, i) => 4 + i),
  );
  const again = await world.post('m7', 'key-7');
  assert.deepEqual(again, { ...posts[7], duplicate: true });
  await eventually('50 events', () => world.events.length === 50 || undefined);
  assert.deepEqual(
    world.events.map((e) => e.seq),
    posts.map((p) => p.seq),
  );
  const rows = await world.store.log.read(CHANNEL, 0, 100);
  assert.equal(rows.length, 53);
  assert.deepEqual(
    world.events.map((e) => e.json.toString()),
    rows.slice(3).map((r) => r.payload),
  );
  await eventually(
    'the directory shows the channel',
    async () => (await world.store.directory.memberships(WORKSPACE, BOB)).length === 1 || undefined,
  );
  await eventually('bob was told', async () => {
    const told = await world.store.log.read(BOB, 0, 10);
    return told.some((e) => e.type === 'channel_joined') || undefined;
  });
});

test('after a kick the user is refused, and the event that ends the membership says so', async () => {
  world = await new World().start(1);
  await world.createChannel();
  await world.owners.subscriptions.add(RING, CHANNEL, actor(BOB));
  const call = { ring: RING, topic: CHANNEL, actor: actor(ADA) };
  await world.owners.call({ ...call, op: 'kick', args: { user: BOB } });
  await eventually('the kick', () => world.events.some((e) => e.member?.joined === false) || undefined);
  await assert.rejects(world.post('x', 'k', BOB), { code: 'channel_not_found' });
  await assert.rejects(world.owners.subscriptions.add(RING, CHANNEL, actor(BOB)), { code: 'channel_not_found' });
  const history = { oldest: '0', inclusive: true, limit: 10 };
  await assert.rejects(world.owners.call({ ...call, op: 'history', args: history, actor: actor(BOB) }), {
    code: 'channel_not_found',
  });
});

/** Posts one after the other, each again under its key until it is acknowledged, while `during` happens. */
async function postDuring(during: () => Promise<void>): Promise<void> {
  await world.createChannel();
  await world.owners.subscriptions.add(RING, CHANNEL, actor(BOB));
  let stop = false;
  const acked: number[] = [];
  const poster = (async () => {
    for (let i = 0; !stop || i < 100; i++) acked.push((await world.post(`m${i}`, `key-${i}`)).seq);
  })();
  await eventually('some posts', () => acked.length > 10 || undefined);
  await during();
  const now = acked.length;
  await eventually('posts go on', () => acked.length > now + 10 || undefined);
  stop = true;
  await poster;
  assert.deepEqual(
    acked,
    Array.from({ length: acked.length }, (_, i) => 4 + i),
  );
  await eventually('all events', () => world.events.length >= acked.length || undefined);
  assert.deepEqual(
    world.events.map((e) => e.seq),
    acked,
  );
}

test('a planned handoff under load loses, doubles and reorders nothing', async () => {
  world = await new World().start(2);
  await postDuring(async () => {
    await world.commit((t) => void t.target.fill(1));
    await eventually('all slots moved', () => world.servers[1]!.slotCount === 16_384 || undefined);
    assert.equal(world.servers[0]!.slotCount, 0);
  });
});

test('a server that ends by plan hands its slots over first', async () => {
  world = await new World().start(2);
  await postDuring(async () => {
    await world.servers[0]!.close(10_000);
    assert.equal(world.servers[1]!.slotCount, 16_384);
  });
});

test('the standby takes over from a server that was killed', async () => {
  world = await new World().start(3); // of two, one silent is half: then it may be the store
  await postDuring(async () => {
    world.servers[0]!.abort();
    await eventually('taken over', () => world.servers[1]!.slotCount === 16_384 || undefined);
  });
});
