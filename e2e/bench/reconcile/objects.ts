/** What is reconciled: Cells, half of them in each of two rings, and Workspaces. */
import type { TestApiServer } from '../../../cells/contract/kube/api-server.test-support.ts';
import type { KnownKind } from '../../../cells/contract/kube/client.ts';
import { API_GROUP, API_VERSION } from '../../../crds/index.ts';

export interface Size {
  cells: number;
  workspaces: number;
}

export const API = `${API_GROUP}/${API_VERSION}`;
export const USER = { fieldManager: 'bench' };
/** Objects created at the same time. */
const LANES = 16;

export const cellName = (n: number): string => `cell-${String(n).padStart(4, '0')}`;
export const workspaceName = (n: number): string => `tenant-${String(n).padStart(4, '0')}`;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

export async function createObjects({ client, namespace }: TestApiServer, { cells, workspaces }: Size): Promise<void> {
  const manifest = (kind: KnownKind, name: string, spec: object) => ({
    ...{ apiVersion: API, kind, metadata: { name, namespace }, spec },
  });
  const ringOf = (n: number): string => `ring-${n % 2}`;
  const wanted = [
    ...['ring-0', 'ring-1'].map((ring) => {
      const members = numbers(cells).filter((n) => ringOf(n) === ring);
      return manifest('ChannelRing', ring, { cells: members.length > 0 ? members.map(cellName) : ['none'] });
    }),
    ...numbers(cells).map((n) =>
      manifest('Cell', cellName(n), {
        region: 'local',
        zone: `zone-${n % 3}`,
        gateways: { replicas: 2 },
        channelServers: { replicas: 2 },
        api: { replicas: 1 },
        edge: { port: 8080, hostNetwork: true },
        capacity: { connections: 5_000 },
      }),
    ),
    ...numbers(workspaces).map((n) =>
      manifest('Workspace', workspaceName(n), { displayName: `Tenant ${n}`, ring: ringOf(n) }),
    ),
  ];
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      for (let next = wanted.shift(); next; next = wanted.shift()) await client.create(next, USER);
    }),
  );
}
