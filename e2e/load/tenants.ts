/** The users and channels of the demo, made over the Web API through the edges as any client would. */
import { mintToken } from '../../dataplane/client/token.ts';
import type { ClusterStatus } from '../system/install.ts';
import { kubectl, NAMESPACE } from '../system/install.ts';
import type { LoadClient } from './load-messages.ts';

export interface Tenant {
  workspace: string;
  workspaceId: string;
  clients: LoadClient[];
  channels: string[];
  /** A private channel, one of its members who will be kicked, and a member who may kick. */
  kick: { channel: string; user: string; byToken: string };
}

const CHANNELS_PER_WORKSPACE = 15;
const PRIVATE_EVERY = 3;
const CHANNELS_PER_USER = 3;

/** `first`: the number of its first user; users are the same whenever they are made, channels are new. */
export async function createTenant(
  cluster: ClusterStatus,
  workspace: string,
  users: number,
  first = 0,
): Promise<Tenant> {
  const secret = JSON.parse(
    await kubectl(['get', 'secret', `${workspace}-token-key`, '-n', NAMESPACE, '-o', 'json'], cluster),
  ) as { data: Record<string, string> };
  const text = (key: string): string => Buffer.from(secret.data[key] ?? '', 'base64').toString();
  const workspaceId = text('workspaceId');
  const jwk = JSON.parse(text('jwk')) as Parameters<typeof mintToken>[0];
  const expires = Math.floor(Date.now() / 1000) + 3600;
  const clients = await Promise.all(
    Array.from({ length: users }, async (_, i): Promise<LoadClient> => {
      const user = demoUserId(workspace, first + i);
      const name = `${workspace}-${String(first + i).padStart(3, '0')}`;
      const token = await mintToken(jwk, { workspace: workspaceId, user, name, expires });
      return { name, workspace: workspaceId, user, token, channels: [] };
    }),
  );
  const api = new Api(cluster.edges.map((e) => e.url));
  // The first call of each token provisions its user; members can be invited only when they exist.
  await inBatches(clients, 16, (c) => api.call(c.token, 'auth.test', {}));
  const channels = await createChannels(api, workspace, clients);
  const privateIndex = PRIVATE_EVERY - 1;
  const members = clients.filter((_, i) => channelsOf(i).includes(privateIndex));
  const kicked = members.at(-1);
  const by = clients[privateIndex % users];
  if (!kicked || !by || kicked === by) throw new Error('too few clients for a private channel with someone to kick');
  return {
    workspace,
    workspaceId,
    clients,
    channels,
    kick: { channel: channels[privateIndex]!, user: kicked.user, byToken: by.token },
  };
}

async function createChannels(api: Api, workspace: string, clients: LoadClient[]): Promise<string[]> {
  const run = Date.now().toString(36); // names are unique in a workspace: a second demo makes its own
  const ids: string[] = [];
  for (let n = 0; n < CHANNELS_PER_WORKSPACE; n++) {
    const creator = clients[n % clients.length]!;
    const answer = await api.call(creator.token, 'conversations.create', {
      name: `${workspace}-${n}-${run}`,
      is_private: n % PRIVATE_EVERY === PRIVATE_EVERY - 1,
    });
    const { id } = answer.channel as { id: string };
    ids.push(id);
    const users = clients.filter((c, i) => c !== creator && channelsOf(i).includes(n)).map((c) => c.user);
    if (users.length > 0)
      await api.call(creator.token, 'conversations.invite', { channel: id, users: users.join(',') });
  }
  for (const [i, client] of clients.entries()) client.channels = channelsOf(i).map((n) => ids[n]!);
  return ids;
}

/** The channels of user i; user n created channel n and is in it. */
function channelsOf(i: number): number[] {
  const numbers = Array.from({ length: CHANNELS_PER_USER }, (_, k) => (i + k * (1 + (i % 5))) % CHANNELS_PER_WORKSPACE);
  return [...new Set(numbers)];
}

/** Ids as an identity provider would give them: stable, unique over the installation. */
function demoUserId(workspace: string, i: number): string {
  const prefix = [...workspace].reduce((n, c) => (n * 31n + BigInt(c.charCodeAt(0))) % 1_000_000_007n, 7n);
  return `U${(prefix * 1_000_000n + BigInt(i)).toString(36).toUpperCase()}`;
}

class Api {
  readonly #urls: string[];
  #next = 0;

  constructor(urls: string[]) {
    this.#urls = urls;
  }

  /** Rejects with the method and error code when the answer is not ok. */
  async call(token: string, method: string, args: Record<string, unknown>): Promise<Record<string, unknown>> {
    const url = this.#urls[this.#next++ % this.#urls.length]!;
    const response = await fetch(`${url}/api/${method}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify(args),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (answer.ok !== true) throw new Error(`${method}: ${String(answer.error)} (HTTP ${response.status})`);
    return answer;
  }
}

/** Kicks by the Web API, as a client would. */
export const kickUser = (cluster: ClusterStatus, { channel, user, byToken }: Tenant['kick']): Promise<unknown> =>
  new Api(cluster.edges.map((e) => e.url)).call(byToken, 'conversations.kick', { channel, user });

async function inBatches<T>(items: readonly T[], size: number, work: (item: T) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < items.length; i += size) await Promise.all(items.slice(i, i + size).map(work));
}
