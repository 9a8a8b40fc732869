/**
 * Stage 1: gateway, channel server and Web API in one process, over one store, on one port. The same code as in the
 * cluster; only the control plane is replaced, by workspaces in memory and a ring table that names this process.
 */
import { randomBytes } from 'node:crypto';
import { Registry } from 'prom-client';
import type { Logger } from '../../cells/contract/process/log.ts';
import { systemClock as clock, systemRandom as random } from '../../cells/contract/system-clock.ts';
import { createApiServer } from '../api/http-server.ts';
import { IdMinter } from '../api/id-minter.ts';
import { createHttpMetrics } from '../api/metrics.ts';
import { parseSessionKeys, SessionTokens } from '../auth/session-tokens.ts';
import { TokenVerifier } from '../auth/token-verifier.ts';
import { Users } from '../auth/users.ts';
import { Gateway } from '../gateway/gateway.ts';
import { createGatewayMetrics } from '../gateway/prom-metrics.ts';
import { createUpgrader } from '../gateway/ws-server.ts';
import { openStore } from '../storage/open.ts';
import type { Store } from '../storage/store.ts';
import { noTracer } from '../tracing/tracing.ts';
import { LocalControl } from './local-control.ts';
import { ownRing } from './own-ring.ts';
import { scratchOwner } from './scratch-owner.ts';
import { HELP } from './welcome.ts';
import { DEV_RING, type DevWorkspaces, devWorkspaces } from './workspaces.ts';

export interface StageOneOptions {
  /** Holds the keys; made when it is not there. */
  dir: string;
  storeUrl: string;
  host: string;
  /** 0 takes a free one. */
  port: number;
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

export async function startStageOne(options: StageOneOptions): Promise<StageOne> {
  await using started = new AsyncDisposableStack();
  const { log, host } = options;
  const workspaces = devWorkspaces(options.dir);
  const store = await openStore(options.storeUrl);
  started.defer(() => store.close());
  await store.migrate();
  const control = new LocalControl(workspaces.entries);
  const incarnation = `dev/${randomBytes(8).toString('hex')}`;
  const table = await ownRing(store.ring, DEV_RING, {
    incarnation,
    pod: 'dev',
    cell: 'dev',
    zone: 'dev',
    address: '127.0.0.1:1',
    weight: 1,
  });
  control.setTable(table);
  const client = scratchOwner(store, incarnation, table.epoch, DEV_RING);

  const registry = new Registry();
  const sessions = new SessionTokens({
    keys: parseSessionKeys(workspaces.sessionKey),
    leases: store.leases,
    clock,
    random,
  });
  const gateway = new Gateway({
    control,
    directory: store.directory,
    tokens: sessions,
    owners: (listener) => client(listener),
    clock,
    random,
    log,
    incarnation,
    metrics: createGatewayMetrics(registry, { region: 'dev', gateway: 'dev' }, clock),
    shutdownSpreadMs: 0,
  });
  const owners = client();
  const ids = new IdMinter({ leases: store.leases, holder: incarnation, clock, log });
  started.defer(() => ids.close());
  const server = await createApiServer({
    services: {
      store,
      owners,
      control,
      tokens: new TokenVerifier({ control, clock }),
      users: new Users({ directory: store.directory, owners, clock, log }),
      sessions,
      ids,
      clock,
      random,
      log,
      tracer: noTracer,
      edges: [],
    },
    metrics: createHttpMetrics(registry),
    fallbackOrigin: `http://${host}:${options.port}`,
    pages: { '/': async () => ({ type: 'text/plain', body: HELP }) },
  });
  started.defer(() => server.close());
  started.defer(() => gateway.close());
  server.http.on('upgrade', createUpgrader({ gateway, clock, log, allowedOrigins: [] }));
  const port = await server.listen({ host, port: options.port });
  const running = started.move();
  return { url: `http://${host}:${port}`, store, control, workspaces, close: () => running.disposeAsync() };
}
