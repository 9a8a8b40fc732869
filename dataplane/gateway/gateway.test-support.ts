/** A gateway on 127.0.0.1 over the in-memory owners, and clients for it: for tests. */
import { once } from 'node:events';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import type { ControlSource, DrainOrder, WorkspaceEntry } from '../../cells/contract/control.ts';
import { topicId, type UserId, userId, type WorkspaceId } from '../../cells/contract/ids.ts';
import { systemClock, systemRandom } from '../../cells/contract/system-clock.ts';
import { ACME, GLOBEX, workspaceEntry } from '../auth/auth.test-support.ts';
import { SessionTokens } from '../auth/session-tokens.ts';
import { ChatClient, type ChatClientOptions } from '../client/index.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';
import { MemoryOwners } from './memory-owner.test-support.ts';
import { startWsServer, type WsServer } from './ws-server.ts';

export const GENERAL = topicId('C', 301n);
export const SECRET = topicId('C', 302n);
export const [ALICE, BOB, CAROL, EVE] = [401n, 402n, 403n, 404n].map(userId) as [UserId, UserId, UserId, UserId];

export class FakeControl implements ControlSource {
  readonly ready = Promise.resolve();
  readonly entries = new Map<WorkspaceId, WorkspaceEntry>();
  readonly #workspace = new Set<(entry: WorkspaceEntry | undefined, id: WorkspaceId) => void>();
  readonly #orders = new Set<(order: DrainOrder) => void>();

  set(entry: WorkspaceEntry): void {
    this.entries.set(entry.id, entry);
    for (const listener of this.#workspace) listener(entry, entry.id);
  }
  order(order: DrainOrder): void {
    for (const listener of this.#orders) listener(order);
  }
  route = (): undefined => undefined;
  members = (): [] => [];
  onRing = (): (() => void) => () => undefined;
  workspace = async (id: WorkspaceId): Promise<WorkspaceEntry | undefined> => this.entries.get(id);
  onWorkspace(listener: (entry: WorkspaceEntry | undefined, id: WorkspaceId) => void): () => void {
    this.#workspace.add(listener);
    return () => void this.#workspace.delete(listener);
  }
  drainOrder = (): undefined => undefined;
  onDrainOrder(listener: (order: DrainOrder) => void): () => void {
    this.#orders.add(listener);
    return () => void this.#orders.delete(listener);
  }
  close = async (): Promise<void> => undefined;
}

export class Rig {
  readonly owners = new MemoryOwners();
  readonly control = new FakeControl();
  readonly gateways: { gateway: Gateway; server: WsServer }[] = [];
  readonly clients: ChatClient[] = [];
  readonly tokens: SessionTokens;
  /** Which gateway a client's next connection goes to. */
  target = 0;
  readonly #sockets: WebSocket[] = [];

  constructor() {
    for (const id of [ACME, GLOBEX]) this.control.entries.set(id, workspaceEntry(id, []));
    const spent = new Set<string>();
    this.tokens = new SessionTokens({
      keys: [Buffer.alloc(32, 1)],
      leases: {
        redeemTicket: async (_w, id) => !spent.has(id) && Boolean(spent.add(id)),
        sessionsRevokedBefore: async () => 0,
      },
      clock: systemClock,
      random: systemRandom,
    });
    const acme = this.control.entries.get(ACME)!;
    for (const user of [ALICE, BOB, CAROL]) this.owners.addUser(acme, user);
    this.owners.addUser(this.control.entries.get(GLOBEX)!, EVE);
    this.owners.addChannel(ACME, GENERAL, [ALICE, BOB, CAROL]);
    this.owners.addChannel(ACME, SECRET, [ALICE, BOB]);
  }

  async start(over: Partial<GatewayOptions> = {}): Promise<Gateway> {
    const gateway = new Gateway({
      control: this.control,
      directory: this.owners.directory,
      tokens: this.tokens,
      owners: (listener) => this.owners.client(listener),
      clock: systemClock,
      random: systemRandom,
      log: pino({ level: 'silent' }),
      incarnation: `test/${this.gateways.length}`,
      pod: `gateway-${this.gateways.length}`,
      shutdownSpreadMs: 0,
      ...over,
    });
    const log = pino({ level: 'silent' });
    const server = await startWsServer({
      gateway,
      host: '127.0.0.1',
      port: 0,
      clock: systemClock,
      log,
      allowedOrigins: [],
    });
    this.gateways.push({ gateway, server });
    return gateway;
  }

  url(index = this.target): string {
    return `http://127.0.0.1:${this.gateways[index]!.server.port}`;
  }

  ticket(user: UserId): string {
    const workspace = user === EVE ? GLOBEX : ACME;
    return this.tokens.issueTicket({ workspace, user, roles: ['member'] });
  }

  /** The reference client, with a Web API that knows rtm.connect only. */
  client(user: UserId, over: Partial<ChatClientOptions> = {}): ChatClient {
    const client = new ChatClient({
      edges: ['http://edge'],
      token: 'unused',
      http: async () => ({
        status: 200,
        retryAfterS: undefined,
        body: JSON.stringify({ ok: true, url: `ws://edge/ws?ticket=${this.ticket(user)}` }),
      }),
      ...over,
      openSocket: (url, handlers) => over.openSocket?.(url, handlers) ?? this.#open(url, handlers),
      // Back-off without the wait: nothing here tests time.
      clock: {
        ...systemClock,
        after: (ms, fn) => systemClock.after(Math.min(ms, ms >= 20_000 || ms === 5_000 ? ms : 20), fn),
      },
    });
    this.clients.push(client);
    return client;
  }

  /** Whatever edge a client names, it gets to `target`. */
  #open: NonNullable<ChatClientOptions['openSocket']> = (url, handlers) => {
    const socket = new WebSocket(url.replace('ws://edge', this.url().replace('http', 'ws')));
    this.#sockets.push(socket);
    socket.on('open', () => handlers.open());
    socket.on('message', (data: Buffer) => handlers.message(data.toString()));
    socket.on('error', () => undefined);
    socket.on('close', (code, reason) => handlers.closed(code, reason.toString()));
    return { send: (text) => socket.send(text), close: (code, reason) => socket.close(code, reason) };
  };

  /** A bare socket, as a hostile or simple client has it. */
  raw(query: string, options: { headers?: Record<string, string>; index?: number } = {}): RawClient {
    const socket = new WebSocket(`${this.url(options.index).replace('http', 'ws')}/ws?${query}`, {
      headers: options.headers ?? {},
    });
    this.#sockets.push(socket);
    return new RawClient(socket);
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close();
    for (const socket of this.#sockets) socket.terminate();
    for (const { gateway, server } of this.gateways) {
      await gateway.close();
      await server.close();
    }
  }
}

export class RawClient {
  readonly socket: WebSocket;
  readonly frames: Record<string, unknown>[] = [];
  /** Close code, or the HTTP status of a refused upgrade. */
  readonly ended: Promise<number>;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => this.frames.push(JSON.parse(data.toString()) as Record<string, unknown>));
    this.ended = new Promise((resolve) => {
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
      socket.on('close', (code) => resolve(code));
    });
    socket.on('error', () => undefined);
  }

  async opened(): Promise<this> {
    if (this.socket.readyState !== WebSocket.OPEN) await once(this.socket, 'open');
    return this;
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** The first frame, present or to come, that matches. */
  frame(match: (frame: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    return until(() => this.frames.find(match));
  }

  type(type: string): Promise<Record<string, unknown>> {
    return this.frame((frame) => frame.type === type);
  }
}

/** Polls until `probe` gives something; fails after 10 s. */
export async function until<T>(probe: () => T | undefined | false, what = 'condition'): Promise<T> {
  for (let left = 2_000; left > 0; left--) {
    const found = probe();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`not in time: ${what}`);
}
