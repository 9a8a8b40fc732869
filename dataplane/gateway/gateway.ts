/**
 * The gateway's core: sockets in, sessions kept, topics fanned out. Deterministic under its clock, chance and sockets:
 * the server (main.ts) and the simulation run the same code.
 */
import type { Clock, Random, Timer } from '../../cells/contract/clock.ts';
import type { ControlSource, WorkspaceEntry } from '../../cells/contract/control.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import type { TopicId, WorkspaceId } from '../../cells/contract/ids.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import type { SessionIdentity } from '../auth/identity.ts';
import type { SessionTokens } from '../auth/session-tokens.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { LIMITS } from '../protocol/limits.ts';
import type { OwnerClient, TopicListener } from '../protocol/owner-client.ts';
import { NO_PLANTS, type Plants } from '../protocol/plants.ts';
import type { Directory } from '../storage/store.ts';
import { noTracer, type Tracer } from '../tracing/tracing.ts';
import { Admission } from './admission.ts';
import type { ClientSocket, ConnectParams } from './client-socket.ts';
import { Connection } from './connection.ts';
import { type GatewayMetrics, noMetrics } from './gateway-metrics.ts';
import { activeUser, startFresh, startResumed } from './handshake.ts';
import { Hub } from './hub.ts';
import { Session, type SessionContext } from './session.ts';
import { Shedder } from './shedder.ts';

export interface GatewayOptions {
  control: ControlSource;
  directory: Pick<Directory, 'memberships' | 'users'>;
  tokens: SessionTokens;
  /** Makes the owner client with the gateway's hub as its listener. The gateway closes it. */
  owners: (listener: TopicListener) => OwnerClient;
  clock: Clock;
  random: Random;
  log: Logger;
  /** `<pod uid>/<start nonce>`. */
  incarnation: string;
  /** Name of the Pod, by which a drain order may single this gateway out. */
  pod: string;
  metrics?: GatewayMetrics;
  tracer?: Tracer;
  /** Interval at which clients ping, in ms; one silent for two is closed. */
  heartbeatMs?: number;
  /** Time over which `close` sends the clients away, in ms. */
  shutdownSpreadMs?: number;
  admission?: { inFlight: number; queued: number };
  /** Most events of one topic that a resume replays; when more were missed the client gets a gap. */
  replayEvents?: number;
  /** Test-only; see plants.ts. */
  plants?: Plants;
}

const DEFAULT_ADMISSION = { inFlight: 64, queued: 10_000 };
/** Workspaces in use that control is reminded of: half of what it holds. */
const MOST_KEPT = 10_000;
const SHUTDOWN_SPREAD_MS = 5_000;
const SHUTDOWN_TICK_MS = 50;
/** After the last goodbye: time for closing handshakes. */
const SHUTDOWN_GRACE_MS = 3_000;

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #owners: OwnerClient;
  readonly #context: SessionContext;
  readonly #admission: Admission;
  readonly #shedder: Shedder;
  readonly #hub: Hub;
  readonly #sessions = new Map<string, Session>();
  /** Sessions per workspace, for its limit and for suspension. */
  readonly #byWorkspace = new Map<WorkspaceId, Set<Session>>();
  readonly #connections = new Set<Connection>();
  readonly #sweep: Timer;
  readonly #unwatch: () => void;
  #closing: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { clock, random, control, tokens, directory, log, incarnation } = options;
    const metrics = options.metrics ?? noMetrics;
    const tracer = options.tracer ?? noTracer;
    const heartbeatMs = options.heartbeatMs ?? LIMITS.heartbeatMs;
    const plants = options.plants ?? NO_PLANTS;
    // The hub listens to the client that it subscribes with: the one is there before the other is used.
    const subscriptions = { add: deferred(() => this.#owners, 'add'), remove: deferred(() => this.#owners, 'remove') };
    this.#hub = new Hub({ subscriptions, clock, metrics, tracer, plants });
    this.#owners = options.owners(this.#hub);
    this.#context = {
      hub: this.#hub,
      owners: this.#owners,
      directory,
      tokens,
      clock,
      random,
      metrics,
      tracer,
      log,
      incarnation,
      heartbeatMs,
      replayEvents: options.replayEvents ?? LIMITS.replayEvents,
      plants,
    };
    this.#admission = new Admission(options.admission ?? DEFAULT_ADMISSION);
    const { pod } = options;
    this.#shedder = new Shedder({ control, sessions: () => this.#sessions.values(), pod, clock, random });
    this.#sweep = clock.every(heartbeatMs / 4, () => {
      this.#closeSilent(heartbeatMs);
      this.#lookAtWorkspaces();
    });
    this.#unwatch = control.onWorkspace((entry, id) => this.#onWorkspace(entry, id));
  }

  /** Live sessions, those that were told to leave not counted. */
  get sessionCount(): number {
    let count = 0;
    for (const session of this.#sessions.values()) if (!session.leaving) count++;
    return count;
  }
  get topicCount(): number {
    return this.#hub.topicCount;
  }
  /** Handshakes that wait for their turn. */
  get queued(): number {
    return this.#admission.queued;
  }

  /** Why a connection is to be refused before the upgrade: cheap to find out, for whoever knocks. */
  refusal(params: ConnectParams): ChatError | undefined {
    if (this.#closing !== undefined) return new ChatError('service_unavailable');
    const { inFlight, queued } = this.#options.admission ?? DEFAULT_ADMISSION;
    // Sockets without a session: in the queue, or yet to say what they want. They cost a descriptor each.
    if (this.#connections.size - this.#sessions.size >= inFlight + queued) return new ChatError('overloaded');
    if (params.ticket === undefined) return undefined;
    if (this.#admission.full) return new ChatError('overloaded');
    return this.#options.tokens.ticketLooksValid(params.ticket) ? undefined : new ChatError('ticket_invalid');
  }

  /** Takes an open socket. Never throws; whatever goes wrong ends in a frame and a close code. */
  accept(socket: ClientSocket, params: ConnectParams): void {
    const { clock, log } = this.#options;
    const connection = new Connection(socket, params, {
      clock,
      log,
      fresh: (c, ticket) => this.#admission.run('fresh', () => this.#openFresh(c, ticket)),
      resumed: (c, token, topics) => this.#admission.run('resume', () => this.#openResumed(c, token, topics)),
      resumeLooksValid: (token) => this.#options.tokens.resumeLooksValid(token),
      ended: (c) => this.#connections.delete(c),
    });
    this.#connections.add(connection);
    connection.start();
  }

  async #openFresh(connection: Connection, ticket: string): Promise<void> {
    if (connection.ended) return;
    const identity = await this.#options.tokens.redeemTicket(ticket);
    const { entry, self } = await this.#admit(identity);
    const session = this.#openSession(connection, identity, entry, false);
    if (session !== undefined) await startFresh(session, self, connection.params.boot);
  }

  async #openResumed(connection: Connection, token: string, topics: ReadonlyMap<TopicId, number>): Promise<void> {
    if (connection.ended) return;
    const identity = await this.#options.tokens.verifyResume(token);
    const { entry } = await this.#admit(identity);
    const session = this.#openSession(connection, identity, entry, true);
    if (session !== undefined) await startResumed(session, topics);
  }

  async #admit(identity: SessionIdentity) {
    const entry = await this.#options.control.workspace(identity.workspace);
    if (entry === undefined) throw new ChatError('invalid_auth');
    if (entry.suspended) throw new ChatError('team_access_not_granted');
    if ((this.#byWorkspace.get(entry.id)?.size ?? 0) >= entry.limits.connections) throw new ChatError('overloaded');
    return { entry, self: await activeUser(this.#options.directory, identity) };
  }

  #openSession(
    connection: Connection,
    identity: SessionIdentity,
    entry: WorkspaceEntry,
    resumed: boolean,
  ): Session | undefined {
    if (connection.ended) return undefined;
    const id = this.#options.random.hex(8);
    const session = new Session(this.#context, connection.socket, {
      id,
      identity,
      entry,
      traceparent: connection.params.traceparent,
      ended: (s) => this.#forget(s),
    });
    this.#sessions.set(id, session);
    const peers = this.#byWorkspace.get(entry.id) ?? new Set();
    this.#byWorkspace.set(entry.id, peers.add(session));
    this.#context.metrics.sockets(1);
    this.#context.metrics.connected(resumed);
    session.hello();
    connection.opened(session);
    return session.closed ? undefined : session;
  }

  #forget(session: Session): void {
    this.#sessions.delete(session.id);
    const peers = this.#byWorkspace.get(session.entry.id);
    peers?.delete(session);
    if (peers?.size === 0) this.#byWorkspace.delete(session.entry.id);
    this.#context.metrics.sockets(-1);
  }

  #closeSilent(heartbeatMs: number): void {
    const now = this.#options.clock.monotonicMs();
    for (const session of [...this.#sessions.values()])
      if (session.silentForMs(now) > 2 * heartbeatMs) session.close(CLOSE.heartbeatMissed, 'heartbeat missed');
  }

  /**
   * Those with sessions are in use: control, which forgets what nobody asks for, is asked. What it had forgotten comes
   * as it is now.
   */
  #lookAtWorkspaces(): void {
    const { control, log } = this.#options;
    // Of more than it keeps each would only drop the next, and all be asked for anew each time.
    if (this.#byWorkspace.size > MOST_KEPT) return;
    for (const id of this.#byWorkspace.keys())
      control.workspace(id).then(
        (entry) => this.#onWorkspace(entry, id),
        (err: unknown) => log.debug({ err, workspace: id }, 'workspace not known'),
      );
  }

  #onWorkspace(entry: WorkspaceEntry | undefined, id: WorkspaceId): void {
    if (entry !== undefined && !entry.suspended) return;
    for (const session of [...(this.#byWorkspace.get(id) ?? [])])
      if (entry === undefined) session.close(CLOSE.authRevoked, 'invalid_auth');
      else session.close(CLOSE.workspaceSuspended, 'team_access_not_granted');
  }

  /** Ends by plan: refuses new connections and sends the present ones away, evenly over the spread. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#shedder.close();
    for (const connection of [...this.#connections])
      if (!connection.open) connection.close(CLOSE.goingAway, 'shutdown');
    await this.#sendAway(this.#options.shutdownSpreadMs ?? SHUTDOWN_SPREAD_MS);
    for (const connection of [...this.#connections]) connection.close(CLOSE.goingAway, 'shutdown');
    this.#sweep.cancel();
    this.#unwatch();
    await this.#owners.close();
  }

  #sendAway(spreadMs: number): Promise<void> {
    const { clock } = this.#options;
    const start = clock.monotonicMs();
    const count = this.sessionCount;
    return new Promise((resolve) => {
      const tick = clock.every(SHUTDOWN_TICK_MS, () => step());
      const step = (): void => {
        const elapsed = clock.monotonicMs() - start;
        const keep = spreadMs <= 0 ? 0 : Math.ceil(count * Math.max(0, 1 - elapsed / spreadMs));
        this.#shedder.shed(this.sessionCount - keep, 'shutdown', CLOSE.goingAway, Math.max(250, spreadMs / 4));
        if (this.#sessions.size > 0 && elapsed < spreadMs + SHUTDOWN_GRACE_MS) return;
        tick.cancel();
        resolve();
      };
      step();
    });
  }
}

/** Calls a method of the subscriptions of a client that is made later. */
function deferred<K extends 'add' | 'remove'>(client: () => OwnerClient, method: K): OwnerClient['subscriptions'][K] {
  const call = (...args: unknown[]): unknown => {
    const { subscriptions } = client();
    return (subscriptions[method] as (...a: unknown[]) => unknown).apply(subscriptions, args);
  };
  return call as OwnerClient['subscriptions'][K];
}
