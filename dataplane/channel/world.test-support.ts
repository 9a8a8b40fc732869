/** A ring of real channel servers over one SQLite file and TCP on the loopback, with one client. For tests. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { topicId, type UserId, userId, workspaceId } from '../../cells/contract/ids.ts';
import { createLogger } from '../../cells/contract/process/log.ts';
import { emptyTable, type Member, nextTable } from '../../cells/contract/ring-table.ts';
import { systemClock as clock, systemRandom as random } from '../../cells/contract/system-clock.ts';
import { createOwnerClient, TcpTransport } from '../links/index.ts';
import { bodyOf, decodeHeader, encodeFrame, KIND } from '../protocol/frames.ts';
import type { Operation, Operations, Response } from '../protocol/operations.ts';
import type { OwnerClient, TopicEvent } from '../protocol/owner-client.ts';
import { openStore } from '../storage/open.ts';
import type { ChannelRow, Store } from '../storage/store.ts';
import { ChannelMetrics } from './metrics.ts';
import { ChannelServer, type ChannelServerOptions } from './server.ts';
import { TableControl } from './table-control.ts';

export const RING = 'test/main';
export const WORKSPACE = workspaceId(7n);
export const ADA = userId(101n);
export const BOB = userId(102n);
export const CHANNEL = topicId('C', 5001n);
const HEARTBEAT_MS = 50;
export const log = createLogger({}, 'fatal');

export class World {
  readonly control = new TableControl();
  readonly events: TopicEvent[] = [];
  readonly servers: ChannelServer[] = [];
  readonly members: Member[] = [];
  readonly #dir = mkdtempSync(join(tmpdir(), 'channel-'));
  readonly url = `sqlite:${join(this.#dir, 'test.db')}`;
  store!: Store;
  owners!: OwnerClient;
  #poll!: { cancel(): void };

  async start(count: number, add = (): Promise<unknown> => this.add()): Promise<this> {
    this.store = await openStore(this.url);
    await this.store.migrate();
    for (const id of [ADA, BOB]) await this.store.directory.provisionUser(userRow(id));
    for (let i = 0; i < count; i++) await add();
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

  /** `over`: replaces parts of the server's store, or its options. */
  async add(
    over: Partial<ChannelServerOptions> = {},
    wrap: (store: Store) => Store = (s) => s,
  ): Promise<ChannelServer> {
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
      store: wrap(await openStore(this.url)),
      transport: new TcpTransport(),
      ...{ clock, random, log, row },
      metrics: new ChannelMetrics(),
      heartbeatMs: HEARTBEAT_MS,
      missed: 4,
      ...over,
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

  /** One request on a link of its own to the given server: its answer, and the events that came before it. */
  async raw<O extends Operation>(
    request: { op: O; args: Operations[O]['args']; user?: UserId },
    server = this.servers[0]!,
  ): Promise<{ seqs: number[]; answer: Response<O> }> {
    const link = await new TcpTransport().connect(server.address);
    const seqs: number[] = [];
    const answered = Promise.withResolvers<Response<O>>();
    link.handle({
      frame: (frame) => {
        const header = decodeHeader(frame)!;
        if (header.kind === KIND.event) seqs.push(header.seq);
        if (header.kind === KIND.response) answered.resolve(JSON.parse(bodyOf(frame).toString()) as Response<O>);
      },
      closed: (reason) => answered.reject(new Error(reason)),
    });
    link.send(requestFrame(request));
    const answer = await answered.promise;
    link.close();
    return { seqs, answer };
  }

  /** A link that subscribes and then never reads. */
  async stuckReader(user: UserId): Promise<Socket> {
    const { hostname, port } = new URL(`tcp://${this.servers[0]!.address}`);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    const frame = requestFrame({ op: 'subscribe', args: { users: [user] } });
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32LE(frame.length);
    socket.write(Buffer.concat([prefix, frame]));
    await new Promise((resolve) => socket.once('data', resolve)); // answered: subscribed
    socket.pause();
    return socket;
  }

  async close(): Promise<void> {
    this.#poll?.cancel();
    await this.owners?.close();
    for (const server of this.servers) await server.close(0);
    await this.store.close();
    rmSync(this.#dir, { recursive: true });
  }
}

/** The store with some methods of one part replaced. */
const withPart = <K extends 'log' | 'ring'>(store: Store, part: K, over: Partial<Store[K]>): Store => ({
  ...store,
  [part]: new Proxy(store[part], {
    get: (real, key) => Reflect.get(over, key) ?? (Reflect.get(real, key) as () => unknown).bind(real),
  }),
});
export const withLog = (store: Store, over: Partial<Store['log']>): Store => withPart(store, 'log', over);
export const withRing = (store: Store, over: Partial<Store['ring']>): Store => withPart(store, 'ring', over);

export const requestFrame = <O extends Operation>(of: {
  op: O;
  args: Operations[O]['args'];
  user?: UserId;
}): Uint8Array =>
  encodeFrame(
    { kind: KIND.request, requestId: 1, topic: CHANNEL },
    JSON.stringify({ op: of.op, ring: RING, args: of.args, actor: { workspace: WORKSPACE, user: of.user, roles: [] } }),
  );

export const actor = (user: UserId) => ({ workspace: WORKSPACE, user, roles: ['member'] });
const userRow = (id: UserId) => ({
  id,
  workspace: WORKSPACE,
  name: id,
  email: undefined,
  roles: ['member'],
  deleted: false,
});

export async function eventually<T>(what: string, probe: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    assert.ok(performance.now() < deadline, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
