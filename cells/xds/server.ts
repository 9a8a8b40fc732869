/** The delta ADS server, and LRS beside it: gRPC streams around Session, and the registry of nodes that `/debug/v1/nodes` shows. */
import { Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { ADS_SERVICE, type DeltaRequest, type DeltaResponse } from '../contract/ads/messages.ts';
import type { Clock } from '../contract/clock.ts';
import { ChatError } from '../contract/errors.ts';
import { LRS_SERVICE } from '../contract/lrs/messages.ts';
import type { Logger } from '../contract/process/log.ts';
import { acceptLoadReports, type LoadReports, type LoadStream } from './lrs.ts';
import { type NodeInfo, nodeInfo } from './node.ts';
import { type NodeConfig, nodeConfig } from './node-config.ts';
import { type Answered, Session, type SyncState } from './session.ts';
import { type Snapshot, versionOf } from './snapshot.ts';
import type { TypeView } from './type-view.ts';
import { shortType } from './types.ts';

export type { NodeInfo };

export interface SnapshotSource {
  /**
   * What the node is to have now; undefined when nothing is known for it yet. Called at each change and each request:
   * must be cheap. `node` is one object for as long as its stream lasts.
   */
  snapshotFor(node: NodeInfo): Snapshot | undefined;
}

export interface NodeStatus extends NodeInfo {
  connectedSeconds: number;
  version: string;
  converged: boolean;
  /** How long it has not been so; 0 when it is. */
  behindSeconds: number;
  types: TypeStatus[];
}

export interface TypeStatus {
  type: string;
  state: SyncState;
  /** Resources that it has acknowledged. */
  resources: number;
  /** Over all resources that it was sent, and that it has acknowledged: the same on every replica for the same content. */
  sentVersion: string;
  ackedVersion: string;
  acks: number;
  nacks: number;
  inFlight: boolean;
  /** Of a refusal that stands: the resource and the node's own words; the words alone while it is looked for which it is. */
  lastError?: string;
  /** Since it was last sent something, and since it last answered. */
  sentSecondsAgo?: number;
  answeredSecondsAgo?: number;
}

export interface AdsServerOptions {
  host: string;
  port: number;
  source: SnapshotSource;
  clock: Clock;
  log: Logger;
  onAnswer?: (node: NodeInfo, type: string, answered: Answered) => void;
  /** Takes load reports too (LRS), on the same port. */
  loadReports?: LoadReports;
}

type Stream = ServerDuplexStream<DeltaRequest, DeltaResponse>;
interface Connection {
  node: NodeInfo;
  session: Session;
  stream: Stream;
  since: number;
  behindSince: number | undefined;
  /** By type. */
  sentAt: Map<string, number>;
  answeredAt: Map<string, number>;
}

const SERVER_OPTIONS = {
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.http2.min_ping_interval_without_data_ms': 1_000,
  'grpc.max_receive_message_length': 16 << 20,
};

export class AdsServer {
  readonly #options: AdsServerOptions;
  readonly #server = new Server(SERVER_OPTIONS);
  readonly #connections = new Set<Connection>();
  readonly #loadStreams = new Set<LoadStream>();
  #closed = false;
  #paused = false;
  port = 0;

  constructor(options: AdsServerOptions) {
    this.#options = options;
  }

  /** Binds the port; rejects when it is taken. */
  async start(): Promise<void> {
    this.#server.addService(ADS_SERVICE, { DeltaAggregatedResources: (stream: Stream) => this.#accept(stream) });
    const { host, port, loadReports, log } = this.#options;
    if (loadReports)
      this.#server.addService(LRS_SERVICE, {
        StreamLoadStats: (stream: LoadStream) => {
          this.#loadStreams.add(stream);
          stream.on('close', () => this.#loadStreams.delete(stream));
          acceptLoadReports(stream, loadReports, log);
        },
      });
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    this.port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (e, bound) =>
        e ? reject(e) : resolve(bound),
      );
    });
  }

  get nodeCount(): number {
    return this.#connections.size;
  }

  nodes(): NodeStatus[] {
    const now = this.#options.clock.monotonicMs();
    return [...this.#connections].map((connection) => {
      const { node, session, since, behindSince } = connection;
      return {
        ...node,
        connectedSeconds: Math.round((now - since) / 1000),
        version: session.version,
        converged: behindSince === undefined,
        behindSeconds: behindSince === undefined ? 0 : (now - behindSince) / 1000,
        types: typesOf(connection, now),
      };
    });
  }

  /** What a node of this replica was sent and has acknowledged; undefined when it is not connected here. */
  configOf(id: string): NodeConfig | undefined {
    const connection = [...this.#connections].findLast(({ node }) => node.id === id);
    return connection && nodeConfig(connection.node, connection.session);
  }

  /** The source has changed: brings every node to its snapshot. */
  publish(): void {
    for (const connection of this.#connections) this.#push(connection);
  }

  /** While paused it closes its streams and takes no new ones, so that nodes go to another replica. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (paused) for (const { stream } of this.#connections) stream.end();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const { stream } of this.#connections) stream.end();
    for (const stream of this.#loadStreams) stream.end();
    await new Promise<void>((resolve) => {
      const force = this.#options.clock.after(500, () => this.#server.forceShutdown());
      this.#server.tryShutdown(() => {
        force.cancel();
        resolve();
      });
    });
  }

  #push(connection: Connection): void {
    const { node, session } = connection;
    const next = this.#options.source.snapshotFor(node);
    if (next === undefined || next.version === session.version) return;
    this.#send(connection, session.setSnapshot(next));
    this.#note(connection);
  }

  #send({ stream, sentAt }: Connection, responses: readonly DeltaResponse[]): void {
    for (const response of responses) {
      sentAt.set(response.type_url, this.#options.clock.monotonicMs());
      stream.write(response);
    }
  }

  #note(connection: Connection): void {
    if (connection.session.converged) connection.behindSince = undefined;
    else connection.behindSince ??= this.#options.clock.monotonicMs();
  }

  #accept(stream: Stream): void {
    if (this.#paused) {
      stream.end();
      return;
    }
    let connection: Connection | undefined;
    const end = (): void => {
      if (connection && this.#connections.delete(connection))
        this.#options.log.info({ node: connection.node.id }, 'xds node left');
    };
    stream.on('data', (request: DeltaRequest) => {
      try {
        connection ??= this.#introduce(request, stream);
        this.#request(connection, request);
      } catch (err: unknown) {
        this.#options.log.warn({ err, node: connection?.node.id }, 'xds request refused');
        // Not destroy(): only an emitted error is sent to the node as its status.
        stream.emit('error', { code: status.INVALID_ARGUMENT, details: ChatError.from(err).message });
      }
    });
    stream.on('end', () => stream.end());
    stream.on('error', end);
    stream.on('close', end);
    stream.on('cancelled', end);
  }

  #introduce(request: DeltaRequest, stream: Stream): Connection {
    const { node } = request;
    if (!node?.id) throw new ChatError('xds_request', { problem: 'the first request names no node' });
    const info = nodeInfo(node);
    const now = this.#options.clock.monotonicMs();
    const connection: Connection = {
      ...{ node: info, session: new Session(), stream, since: now, behindSince: now },
      ...{ sentAt: new Map<string, number>(), answeredAt: new Map<string, number>() },
    };
    this.#connections.add(connection);
    this.#options.log.info({ node: info.id, role: info.role, cell: info.cell }, 'xds node joined');
    return connection;
  }

  #request(connection: Connection, request: DeltaRequest): void {
    const { node, session } = connection;
    this.#push(connection);
    const { responses, answered } = session.onRequest(request);
    if (answered.outcome === 'ack' || answered.outcome === 'nack')
      connection.answeredAt.set(request.type_url, this.#options.clock.monotonicMs());
    if (answered.outcome === 'nack')
      this.#options.log.error({ node: node.id, type: shortType(request.type_url), nack: answered.error }, 'xds NACK');
    this.#options.onAnswer?.(node, request.type_url, answered);
    this.#send(connection, responses);
    this.#note(connection);
  }
}

/**
 * Over all that a node was sent of a type and has acknowledged. Made when somebody asks, and kept until another response
 * or answer: all nodes' are asked for every few seconds, and each may have thousands of resources.
 */
function versionsOf(view: TypeView): { sentVersion: string; ackedVersion: string } {
  const { acks, nacks, inFlight, sent, acked } = view;
  const at = [acks, nacks, inFlight?.nonce, sent.size, acked.size].join();
  if (view.versions?.at !== at)
    view.versions = { at, of: { sentVersion: versionOf(sent), ackedVersion: versionOf(acked) } };
  return view.versions.of;
}

function typesOf({ session, sentAt, answeredAt }: Connection, now: number): TypeStatus[] {
  const ago = (at: number | undefined): number | undefined => (at === undefined ? at : Math.round((now - at) / 1000));
  return [...session.types].map(([type, view]) => {
    const [sent, answered] = [ago(sentAt.get(type)), ago(answeredAt.get(type))];
    return {
      type: shortType(type),
      state: session.stateOf(type),
      resources: view.acked.size,
      ...versionsOf(view),
      acks: view.acks,
      nacks: view.nacks,
      inFlight: view.inFlight !== undefined,
      ...(view.lastError === undefined ? {} : { lastError: view.lastError }),
      ...(sent === undefined ? {} : { sentSecondsAgo: sent }),
      ...(answered === undefined ? {} : { answeredSecondsAgo: answered }),
    };
  });
}
