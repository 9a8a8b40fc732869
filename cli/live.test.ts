import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { after, before, test } from 'node:test';
import { ChatError } from '../cells/contract/errors.ts';
import type { KubeClient } from '../cells/contract/kube/client.ts';
import { LiveFigures } from './live.ts';

/** By address: the epoch of a replica's table, or `silent` for one that takes connections and never answers. */
const REPLICAS = { '127.78.60.1': 5, '127.78.60.2': 9, '127.78.60.3': 'silent' } as const;
const servers: Server[] = [];

before(async () => {
  for (const [ip, epoch] of Object.entries(REPLICAS)) {
    const server = createServer((request, response) => {
      if (epoch === 'silent') return;
      const cells = [{ cell: 'cell-a', sockets: epoch, ageSeconds: 10 - epoch }];
      response.end(JSON.stringify(request.url === '/debug/v1/cells' ? cells : { epoch, tableEpoch: epoch }));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(18_080, ip, resolve));
  }
});
after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

const live = (ips: readonly string[]): LiveFigures => {
  const list = async () => ips.map((podIP, i) => ({ metadata: { name: `controlplane-${i}` }, status: { podIP } }));
  return new LiveFigures({ list } as unknown as KubeClient, 'chatcells');
};

test('of several replicas the one with the newest table, and the latest figures, is believed, in whatever order they are asked', async () => {
  const ips = Object.keys(REPLICAS);
  for (const order of [ips, ips.toReversed()]) {
    assert.equal((await live(order).ring('chatcells/main')).epoch, 9);
    assert.equal((await live(order).where({ slot: '1' }, 'chatcells/main')).tableEpoch, 9);
    assert.equal((await live(order).ringPlan('chatcells/main', { without: [], add: [] })).epoch, 9);
    assert.equal((await live(order).cells())[0]?.sockets, 9);
  }
});

test('when none answers, the error says that the control plane does not', async () => {
  await assert.rejects(live(['127.78.60.9']).ring('chatcells/main'), { code: 'service_unavailable' });
});

test('on a real cluster, where the API server answers for them: one that is away or silent is as one that does not answer', async () => {
  const kube = (failure: unknown): KubeClient => {
    const list = async () => [{ metadata: { name: 'controlplane-0' }, status: { podIP: '10.0.0.1' } }];
    return { list, request: () => Promise.reject(failure) } as unknown as KubeClient;
  };
  const refused = (status: number) =>
    new ChatError('kube_refused', { status, method: 'GET', path: '/', reason: '', message: '' });
  const asked = (failure: unknown) => new LiveFigures(kube(failure), 'chatcells').ring('chatcells/main');
  await assert.rejects(asked(refused(503)), { code: 'service_unavailable' });
  await assert.rejects(asked(refused(403)), { code: 'kube_refused' });
});
