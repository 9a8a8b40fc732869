import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testCell as cell, testPod as pod } from './world.test-support.ts';
import { edgeWorld } from './world.ts';

test('a gateway that is drained alone takes nothing new, and keeps its place for what is open', () => {
  const ill = { pod: 'cell-a-gateway-2', since: '2026-01-01T00:00:00Z', reason: 'it fails' };
  const world = edgeWorld(
    [{ ...cell('cell-a'), status: { drainingGateways: [ill] } }],
    [pod('cell-a', 'gateway', 1), pod('cell-a', 'gateway', 2)],
  );
  assert.deepEqual(
    world.endpoints.map((e) => e.health),
    ['HEALTHY', 'DRAINING'],
  );
});

test('pods: ready ones are healthy, deleted ones drain, others are left out', () => {
  const world = edgeWorld(
    [cell('cell-a')],
    [
      pod('cell-a', 'gateway', 2),
      pod('cell-a', 'gateway', 3, { conditions: [{ type: 'Ready', status: 'False' }] }),
      pod('cell-a', 'gateway', 4, { deleting: true, conditions: [{ type: 'Ready', status: 'False' }] }),
      pod('cell-a', 'channel', 5),
      pod('cell-z', 'gateway', 6),
      pod('cell-a', 'api', 7, { phase: 'Failed' }),
    ],
  );
  assert.deepEqual(
    world.endpoints.map((e) => [e.pod, e.health]),
    [
      ['cell-a-gateway-2', 'HEALTHY'],
      ['cell-a-gateway-4', 'DRAINING'],
    ],
  );
});

/** As the node controller leaves a Pod whose kubelet is silent. */
const SILENT = [
  { type: 'Ready', status: 'False' },
  { type: 'ContainersReady', status: 'True' },
];

test('one node that is silent loses its endpoints; when most are, it is the API server, and all stay', () => {
  const names = (silent: number) =>
    edgeWorld(
      [cell('cell-a')],
      [1, 2, 3].map((n) => pod('cell-a', 'gateway', n, n <= silent ? { conditions: SILENT } : {})),
    ).endpoints.map((e) => `${e.pod} ${e.health}`);
  const all = [1, 2, 3].map((n) => `cell-a-gateway-${n} HEALTHY`);
  assert.deepEqual(names(0), all);
  assert.deepEqual(names(1), all.slice(1));
  assert.deepEqual(names(2), all);
  assert.deepEqual(names(3), all);
});

test('the node controller has come to all Pods of one role and to none of the other: no endpoint is lost', () => {
  const roles = ['gateway', 'api'] as const;
  for (const silent of roles) {
    const pods = roles.flatMap((role) =>
      [1, 2, 3].map((n) => pod('cell-a', role, n, role === silent ? { conditions: SILENT } : {})),
    );
    assert.equal(edgeWorld([cell('cell-a')], pods).endpoints.length, 6, silent);
  }
});

test('a Pod whose containers are not ready is left out, also while the nodes are silent', () => {
  const notReady = ['Ready', 'ContainersReady'].map((type) => ({ type, status: 'False' }));
  const pods = [1, 2, 3].map((n) => pod('cell-a', 'api', n, { conditions: n === 3 ? notReady : SILENT }));
  const world = edgeWorld([cell('cell-a')], pods);
  assert.deepEqual(
    world.endpoints.map((e) => e.pod),
    ['cell-a-api-1', 'cell-a-api-2'],
  );
});
