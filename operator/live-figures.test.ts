import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';
import { pino } from 'pino';
import type { Pod } from '../cells/contract/kube/objects.ts';
import { systemClock } from '../cells/contract/system-clock.ts';
import { LABELS } from '../crds/index.ts';
import { ControlplaneFigures, hasEnded } from './live-figures.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** What one replica answers with; `hangs`: nothing, ever. */
type Replica = object | 'hangs' | 'fails';
/** Requests that nobody has answered, and whose sender still waits. */
let hanging = 0;

/** Figures of a control plane of these replicas, which are asked in this order. */
async function figuresOf(...replicas: Replica[]): Promise<ControlplaneFigures> {
  const pods = new Map<string, Pod>();
  for (const [i, replica] of replicas.entries()) {
    const server = createServer((_, response) => {
      if (replica === 'hangs') {
        hanging++;
        response.on('close', () => hanging--);
      } else {
        response.writeHead(replica === 'fails' ? 503 : 200).end(JSON.stringify(replica));
      }
    });
    servers.push(server);
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    pods.set(`ns/controlplane-${i}`, podAt(`controlplane-${i}`, (server.address() as AddressInfo).port));
  }
  return new ControlplaneFigures({ pods, clock: systemClock, log: pino({ level: 'silent' }) });
}

function podAt(name: string, port: number): Pod {
  const labels = { [LABELS.component]: 'controlplane' };
  const ports = [{ name: 'admin', containerPort: port }];
  const conditions = [{ type: 'Ready', status: 'True' }];
  return {
    metadata: { name, namespace: 'ns', labels },
    spec: { containers: [{ name: 'main', ports }] },
    status: { podIP: '127.0.0.1', conditions },
  } as unknown as Pod;
}

const cells = (sockets: number, ageSeconds?: number) => [
  { cell: 'cell-a', sockets, slots: 1, members: 1, ...(ageSeconds === undefined ? {} : { ageSeconds }) },
];

test('figures of Cells are of a replica that can read the store', async () => {
  const figures = await figuresOf(cells(0, 60), 'fails', cells(7, 1));
  assert.equal((await figures.cell('cell-a'))?.sockets, 7);
  assert.equal(await (await figuresOf(cells(0, 60), 'fails')).cells(), undefined, 'nobody knows');
  assert.equal((await (await figuresOf(cells(3))).cell('cell-a'))?.sockets, 3, 'of the version before');
});

test('a replica that does not answer holds nobody up', async () => {
  const figures = await figuresOf('hangs', 'hangs', cells(7, 0));
  assert.equal((await figures.cell('cell-a'))?.sockets, 7);
  assert.equal(hanging, 2, 'the answer came before anybody was given up');
  assert.equal(await (await figuresOf('fails', 'fails')).cells(), undefined);
  assert.equal(await (await figuresOf()).cells(), undefined);
});

test('figures of a ring are of the newest table', async () => {
  const ring = (epoch: number) => ({ epoch, members: [] });
  const figures = await figuresOf(ring(4), 'fails', ring(9), ring(8));
  const newest = await figures.ring('ns', 'main');
  assert.deepEqual([newest?.epoch, newest?.missingReplicas], [9, 1]);
});

test('a ring has ended when one that has the newest table says so, and nobody is in it', async () => {
  const ring = (epoch: number, held?: string, members: object[] = []) => ({ epoch, members, held });
  const ended = async (...replicas: Replica[]): Promise<boolean> =>
    hasEnded((await (await figuresOf(...replicas)).ring('ns', 'main'))!);
  assert.equal(await ended(ring(5), ring(5, 'ended')), true, 'the other has not seen it yet');
  assert.equal(await ended(ring(5, 'ended'), ring(6, undefined, [{ pod: 'p' }])), false, 'laid out again');
  assert.equal(await ended(ring(6, 'ended', [{ pod: 'p' }])), false);
});
