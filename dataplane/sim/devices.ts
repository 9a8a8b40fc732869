/** People of the simulation and what they hold in their hands: the reference client, in a process and a network of its own. */
import type { TopicId, UserId, WorkspaceId } from '../../cells/contract/ids.ts';
import { LEFT_OUT } from '../client/feed.ts';
import { ChatClient } from '../client/index.ts';
import type { Plants } from '../protocol/plants.ts';
import { edgeUrl, type SimEdges } from './edges.ts';
import { RULE } from './invariants.ts';
import { tokenOf } from './nodes.ts';
import type { SimProcess } from './process.ts';
import type { Records } from './records.ts';

export interface SimUser {
  name: string;
  id: UserId;
  workspace: WorkspaceId;
}

export interface DeviceEnvironment {
  edges: SimEdges;
  records: Records;
  plants: Plants;
  /** Edges, that of the user's region first. */
  zones: readonly string[];
  /** Ids that no byte to this user may hold. */
  foreign: readonly string[];
  /** Makes the process that a (re)started client runs in. */
  process(name: string): SimProcess;
}

export class Device {
  readonly name: string;
  readonly user: SimUser;
  readonly #env: DeviceEnvironment;
  #starts = 0;
  #process!: SimProcess;
  #client!: ChatClient;
  /** Web API calls without an answer. */
  #calls = 0;

  constructor(name: string, user: SimUser, env: DeviceEnvironment) {
    this.name = name;
    this.user = user;
    this.#env = env;
  }

  get client(): ChatClient {
    return this.#client;
  }
  get process(): SimProcess {
    return this.#process;
  }
  /** The client's name in the histories: each start is another client. */
  get clientName(): string {
    return `${this.name}.${this.#starts}`;
  }
  get waiting(): number {
    return this.#client.pendingPosts + this.#calls;
  }

  /** The application starts, with nothing of an earlier run. */
  start(): void {
    this.#starts++;
    this.#calls = 0;
    const { edges, records, plants, zones, foreign } = this.#env;
    const { clientName, user } = this;
    const process = this.#env.process(clientName);
    this.#process = process;
    records.record(clientName, { kind: 'open', client: clientName, workspace: user.workspace, user: user.id });
    const open = edges.openSocket(process);
    this.#client = new ChatClient({
      ...{ edges: zones.map(edgeUrl), token: tokenOf(user), clock: process.clock, random: process.random, plants },
      record: (record) => records.record(clientName, record),
      onRaw: (text) => {
        const id = foreignIn(text, foreign);
        if (id !== undefined) records.violate(RULE.tenants, `${clientName} got a frame with ${id}: ${text}`);
      },
      onState: (state, code) => records.note(`${clientName} is ${state} ${code ?? ''}`),
      http: edges.http(process),
      openSocket: (url, handlers) => {
        const connection = open(url, handlers);
        return {
          send: (text) => connection.send(text),
          close: (code, reason) => {
            if (reason === LEFT_OUT) records.violate(RULE.noHole, `${clientName}: the gateway ${reason}`);
            connection.close(code, reason);
          },
        };
      },
    });
    void this.#client.connect();
  }

  /** The application is killed; what it had not yet been told is lost to it. */
  kill(): void {
    this.#process.kill();
    this.#env.records.record(this.clientName, { kind: 'end', settled: false });
  }

  /** A Web API call, counted while it waits. */
  async call(method: string, args: Record<string, unknown>): Promise<Record<string, unknown>> {
    this.#calls++;
    const client = this.#client;
    try {
      return await client.call(method, args);
    } finally {
      if (client === this.#client) this.#calls--;
    }
  }

  /** A post over the Web API: acknowledged there, delivered over the socket. */
  async postByHttp(topic: TopicId, text: string, clientMsgId: string): Promise<void> {
    const { records } = this.#env;
    const { clientName } = this;
    records.record(clientName, { kind: 'sent', topic, client_msg_id: clientMsgId });
    const { ts, seq } = await this.call('chat.postMessage', { channel: topic, text, client_msg_id: clientMsgId });
    const ack = { topic, client_msg_id: clientMsgId, ts: String(ts), seq: Number(seq) } as const;
    if (this.clientName === clientName) records.record(clientName, { kind: 'ack', ...ack, via: 'http' });
  }
}

/** The first of the ids that the frame holds as a JSON text. */
export const foreignIn = (text: string, ids: readonly string[]): string | undefined =>
  ids.find((id) => text.includes(`"${id}"`));
