/**
 * Stage 1: gateway, channel server and Web API in one process, over one store, on one port. The same code as in the
 * cluster; only the control plane is replaced, by workspaces in memory and a ring table that names this process.
 */
import { Registry } from 'prom-client';
import { sleep } from '../../cells/contract/clock.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { SLOTS } from '../../cells/contract/slot.ts';
import { systemClock as clock, systemRandom as random } from '../../cells/contract/system-clock.ts';
import { createApiServer } from '../api/http-server.ts';
import { IdMinter } from '../api/id-minter.ts';
import { createHttpMetrics } from '../api/metrics.ts';
import { parseSessionKeys, SessionTokens } from '../auth/session-tokens.ts';
import { TokenVerifier } from '../auth/token-verifier.ts';
import { Users } from '../auth/users.ts';
import { ChannelMetrics } from '../channel/metrics.ts';
import { ChannelServer } from '../channel/server.ts';
import { Gateway } from '../gateway/gateway.ts';
import { createGatewayMetrics } from '../gateway/prom-metrics.ts';
import { createUpgrader } from '../gateway/ws-server.ts';
import { createOwnerClient } from '../links/owner-client.ts';
import { TcpTransport } from '../links/tcp-transport.ts';
import type { Hello } from '../protocol/operations.ts';
import type { OwnerClient, TopicListener } from '../protocol/owner-client.ts';
import type { LinkTransport } from '../protocol/transport.ts';
import { openStore } from '../storage/open.ts';
import type { Store } from '../storage/store.ts';
import { createTracer, type Tracer } from '../tracing/tracing.ts';
import { LocalControl } from './local-control.ts';
import { ownRing } from './own-ring.ts';
import { HELP } from './welcome.ts';
import { DEV_RING, type DevWorkspaces, devWorkspaces } from './workspaces.ts';

export interface StageOneOptions {
  /** Holds the keys; made when it is not there. */
  dir: string;
  storeUrl: string;
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** OTLP/HTTP receiver for traces; none without. */
  otlpEndpoint?: string;
  log: Logger;
}

export interface StageOne {
  /** `http://host:port` of the Web API and the WebSockets. */
  readonly url: string;
  readonly store: Store;
  readonly control: LocalControl;
  readonly workspaces: DevWorkspaces;
  /** Sends the clients away, answers what is in flight, and lets the store go. Idempotent. */
  close(): Promise<void>;
}

const PLACE = { pod: 'dev', cell: 'dev', zone: 'dev' } as const;
/** Links stay within this machine whatever the clients' listener is bound to. */
const LINK_HOST = '127.0.0.1';
const HEARTBEAT_MS = 250;
const READY_POLL_MS = 5;
const READY_DEADLINE_MS = 30_000;

export async function startStageOne(options: StageOneOptions): Promise<StageOne> {
  // Undone in reverse order, at the end as after a failed start.
  await using started = new AsyncDisposableStack();
  const { log, host } = options;
  const workspaces = devWorkspaces(options.dir);
  const store = await openStore(options.storeUrl);
  started.defer(() => store.close());
  await store.migrate();
  const control = new LocalControl(workspaces.entries);
  started.defer(() => control.close());
  const incarnation = `dev/${random.hex(8)}`;
  const transport = new TcpTransport({ localAddress: LINK_HOST });
  const registry = new Registry();
  const tracerOf = async (service: Hello['role']): Promise<Tracer> => {
    const tracer = await createTracer({ endpoint: options.otlpEndpoint ?? '', service, resource: PLACE });
    started.defer(() => tracer.close());
    return tracer;
  };
  const channelTracer = await tracerOf('channel');
  const channel = await startChannel({ store, control, transport, incarnation, log, registry, tracer: channelTracer });
  started.defer(() => channel.close());

  const ownerClient = (role: Hello['role'], listener?: TopicListener): OwnerClient => {
    const hello = { ...PLACE, role, incarnation };
    return createOwnerClient({ control, transport, clock, random, log, hello, ...(listener && { listener }) });
  };
  const keys = parseSessionKeys(workspaces.sessionKey);
  const sessions = new SessionTokens({ keys, leases: store.leases, clock, random });
  const gateway = new Gateway({
    control,
    directory: store.directory,
    tokens: sessions,
    owners: (listener) => ownerClient('gateway', listener),
    clock,
    random,
    log,
    ...{ incarnation, pod: PLACE.pod },
    metrics: createGatewayMetrics(registry, { region: 'dev', gateway: 'dev' }, clock),
    tracer: await tracerOf('gateway'),
    shutdownSpreadMs: 0,
  });
  const owners = ownerClient('api');
  started.defer(() => owners.close());
  const ids = new IdMinter({ leases: store.leases, holder: incarnation, clock, log });
  started.defer(() => ids.close());
  const tokens = new TokenVerifier({ control, clock });
  const users = new Users({ directory: store.directory, owners, clock, log });
  const common = { store, owners, control, tokens, users, sessions, ids, clock, random, log };
  const server = await createApiServer({
    services: { ...common, tracer: await tracerOf('api'), edges: [] },
    metrics: createHttpMetrics(registry),
    fallbackOrigin: `http://${host}:${options.port}`,
    pages: {
      '/': async () => ({ type: 'text/plain', body: HELP }),
      // It listens when it serves: who gets an answer gets this one.
      '/livez': async () => ({ type: 'text/plain', body: 'ok\n' }),
      '/readyz': async () => ({ type: 'text/plain', body: 'ok\n' }),
      '/metrics': async () => ({ type: registry.contentType, body: await registry.metrics() }),
    },
  });
  started.defer(() => server.close());
  started.defer(() => gateway.close());
  server.http.on('upgrade', createUpgrader({ gateway, clock, log, allowedOrigins: [] }));
  const port = await server.listen({ host, port: options.port });
  const running = started.move();
  const close = (): Promise<void> => {
    server.leave();
    return running.disposeAsync();
  };
  return { url: `http://${host}:${port}`, store, control, workspaces, close };
}

/** A channel server that has claimed every slot. */
async function startChannel(part: {
  store: Store;
  control: LocalControl;
  transport: LinkTransport;
  incarnation: string;
  log: Logger;
  registry: Registry;
  tracer: Tracer;
}): Promise<{ close(): Promise<void> }> {
  const { store, control, transport, incarnation, tracer } = part;
  const log = part.log.child({});
  let collect = (): void => undefined;
  const metrics = new ChannelMetrics(part.registry, () => collect());
  const member = { ...PLACE, incarnation, address: `${LINK_HOST}:0`, weight: 1 };
  const row = { ...member, ring: DEV_RING };
  const common = { store, transport, clock, random, log, metrics, tracer };
  const server = await ChannelServer.start({ ...common, row, heartbeatMs: HEARTBEAT_MS, missed: 4 });
  collect = () => server.collect();
  const close = (): Promise<void> => {
    log.level = 'error'; // there is nobody to hand the slots to, and that is no news here
    return server.close(0);
  };
  try {
    control.update(await ownRing(store.ring, DEV_RING, { ...member, address: server.address }));
    const deadline = clock.monotonicMs() + READY_DEADLINE_MS;
    while (server.slotCount < SLOTS) {
      if (clock.monotonicMs() > deadline) throw new ChatError('not_ready');
      await sleep(clock, READY_POLL_MS);
    }
  } catch (e: unknown) {
    await close();
    throw e;
  }
  return { close };
}
