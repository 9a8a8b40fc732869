/** The processes of a simulated dataplane: each the real core of its role, over a simulated process, store and network. */
import type { WorkspaceEntry } from '../../cells/contract/control.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import { isUserId, isWorkspaceId } from '../../cells/contract/ids.ts';
import { createLogger } from '../../cells/contract/process/log.ts';
import type { Member } from '../../cells/contract/ring-table.ts';
import { failureOf } from '../api/answer.ts';
import { dispatch } from '../api/dispatch.ts';
import { IdMinter } from '../api/id-minter.ts';
import type { ApiServices } from '../api/method.ts';
import { WorkspaceRateLimit } from '../api/rate-limit.ts';
import type { Identity } from '../auth/identity.ts';
import { SessionTokens } from '../auth/session-tokens.ts';
import { Users } from '../auth/users.ts';
import { ChannelMetrics } from '../channel/metrics.ts';
import { ChannelServer } from '../channel/server.ts';
import { Gateway } from '../gateway/gateway.ts';
import { createOwnerClient } from '../links/owner-client.ts';
import type { Hello } from '../protocol/operations.ts';
import type { OwnerClient, TopicListener } from '../protocol/owner-client.ts';
import type { Plants } from '../protocol/plants.ts';
import { noTracer } from '../tracing/tracing.ts';
import { SimControl } from './control.ts';
import type { ApiEndpoint, GatewayEndpoint } from './edges.ts';
import type { OnFrame, SimNetwork } from './network.ts';
import type { SimProcess } from './process.ts';
import type { SimStore } from './store.ts';

export const RING = 'sim/main';
const SESSION_KEY = Buffer.alloc(32, 7);
/** Short, so that sockets that died without a word are found within a run. */
const GATEWAY_HEARTBEAT_MS = 5_000;
/** Small, so that a short absence is already too long to be replayed. */
const REPLAY_EVENTS = 12;
const log = createLogger({}, 'silent');

export interface NodeEnvironment {
  store: SimStore;
  network: SimNetwork;
  plants: Plants;
  workspaces: readonly WorkspaceEntry[];
  /** Sees what channel servers send. */
  onFrame: OnFrame;
}

export interface ChannelNode {
  process: SimProcess;
  server: ChannelServer;
  member: Member;
}
export interface GatewayNode extends GatewayEndpoint {
  gateway: Gateway;
  control: SimControl;
}
export interface ApiNode extends ApiEndpoint {
  control: SimControl;
  owners: OwnerClient;
}

/** What of a pod's name outlives its processes. */
const podOf = (process: SimProcess): string => process.name.split('.')[0]!;

export async function startChannelServer(env: NodeEnvironment, process: SimProcess): Promise<ChannelNode> {
  const { name, zone, clock, random } = process;
  const row = {
    incarnation: name,
    pod: podOf(process),
    cell: zone,
    zone,
    ring: RING,
    weight: 1,
    address: `${name}:7000`,
  };
  const server = await ChannelServer.start({
    ...{
      store: env.store.for(process),
      transport: env.network.transport(process, env.onFrame),
      clock,
      random,
      log,
      row,
    },
    ...{ metrics: new ChannelMetrics(), heartbeatMs: 500, missed: 4, plants: env.plants },
  });
  return { process, server, member: row };
}

export function startGateway(env: NodeEnvironment, process: SimProcess): GatewayNode {
  const { name: incarnation, clock, random } = process;
  const store = env.store.for(process);
  const control = new SimControl(env.workspaces);
  const gateway = new Gateway({
    ...{ control, directory: store.directory, clock, random, log, incarnation, pod: incarnation, plants: env.plants },
    tokens: new SessionTokens({ keys: [SESSION_KEY], leases: store.leases, clock, random }),
    owners: (listener) => ownerClient(env, process, { role: 'gateway', control, listener }),
    ...{ heartbeatMs: GATEWAY_HEARTBEAT_MS, shutdownSpreadMs: 1_000, replayEvents: REPLAY_EVENTS },
  });
  return { process, gateway, control };
}

export function startApi(env: NodeEnvironment, process: SimProcess): ApiNode {
  const { name: holder, clock, random } = process;
  const store = env.store.for(process);
  const control = new SimControl(env.workspaces);
  const owners = ownerClient(env, process, { role: 'api', control });
  const services: ApiServices = {
    ...{ store, owners, control, clock, random, log, tracer: noTracer, edges: [] },
    tokens: { verify: (token) => verify(control, token) },
    users: new Users({ directory: store.directory, owners, clock, log }),
    sessions: new SessionTokens({ keys: [SESSION_KEY], leases: store.leases, clock, random }),
    ids: new IdMinter({ leases: store.leases, holder, clock, log }),
  };
  const limit = new WorkspaceRateLimit(clock);
  const handle: ApiNode['handle'] = (request) =>
    dispatch(services, limit, { ...request, trace: undefined }).then(
      (answer) => ({ status: 200, retryAfterS: undefined, body: JSON.stringify(answer) }),
      (e: unknown) => {
        const { status, headers, body } = failureOf(ChatError.from(e));
        const retryAfterS = headers['retry-after'] === undefined ? undefined : Number(headers['retry-after']);
        return { status, retryAfterS, body: JSON.stringify(body) };
      },
    );
  return { process, control, owners, handle };
}

function ownerClient(
  env: NodeEnvironment,
  process: SimProcess,
  of: { role: Hello['role']; control: SimControl; listener?: TopicListener },
): OwnerClient {
  const { name: incarnation, zone, clock, random } = process;
  const hello = { role: of.role, incarnation, zone, cell: zone, pod: podOf(process) };
  return createOwnerClient({
    ...{ control: of.control, transport: env.network.transport(process), clock, random, log, hello },
    ...(of.listener && { listener: of.listener }),
  });
}

/** A bearer token of the simulation: whom it speaks for, in the clear. Real ones are verified off the event loop. */
export const tokenOf = (user: { workspace: string; id: string; name: string }): string =>
  `${user.workspace}/${user.id}/${user.name}`;

async function verify(control: SimControl, token = ''): Promise<Identity> {
  const [workspace, user, name = ''] = token.split('/');
  const entry = isWorkspaceId(workspace) ? await control.workspace(workspace) : undefined;
  if (entry === undefined || !isUserId(user)) throw new ChatError('invalid_auth');
  return { workspace: entry.id, user, roles: ['member'], name, entry };
}
