import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../contract/kube/index.ts';
import type { NodeStatus, TypeStatus } from '../xds/server.ts';
import { nodeConfigAt, refusalsOf, withPods } from './debug-nodes.ts';

const pod = (name: string, cell: string, uid = name): [string, Pod] => [
  `demo/${name}`,
  { metadata: { name, namespace: 'demo', uid, labels: { 'chatcells.dev/cell': cell } } } as unknown as Pod,
];
const pods = new Map([pod('edge-1', 'cell-a'), pod('gateway-1', 'cell-a', 'uid-7')]);
const type = (name: string, lastError?: string): TypeStatus => ({
  ...{
    type: name,
    state: lastError === undefined ? 'SYNCED' : 'NACKED',
    resources: 1,
    sentVersion: 'v',
    ackedVersion: 'v',
  },
  ...{ acks: 1, nacks: 0, inFlight: false, ...(lastError === undefined ? {} : { lastError }) },
});
const node = (id: string, role: string, cell: string, ...types: TypeStatus[]): NodeStatus => ({
  ...{ id, role, cell, cluster: cell, zone: 'z', podIp: '', connectedSeconds: 1, version: 'v', converged: true },
  ...{ behindSeconds: 0, types },
});

test('nodes have the name of their Pod: edges by name, dataplane processes by uid', () => {
  const nodes = [node('edge/cell-a/edge-1', 'edge', 'cell-a'), node('uid-7/abc', 'gateway', 'cell-a')];
  assert.deepEqual(
    withPods([...nodes, node('uid-8/abc', 'gateway', 'cell-a')], pods).map((n) => n.pod),
    ['edge-1', 'gateway-1', null],
  );
});

test('refusals are of the cell, in one order whatever that of the streams', () => {
  const nodes = [
    node('uid-7/abc', 'gateway', 'cell-a', type('SlotRange', 'bad'), type('DrainOrder')),
    node('edge/cell-a/edge-1', 'edge', 'cell-a', type('Listener', 'cannot bind'), type('Cluster', 'no such')),
    node('edge/cell-b/edge-1', 'edge', 'cell-b', type('Listener', 'other')),
  ];
  const refusals = refusalsOf('cell-a', nodes, pods);
  assert.deepEqual(
    refusals.map((r) => [r.node, r.type, r.error]),
    [
      ['edge-1', 'Cluster', 'no such'],
      ['edge-1', 'Listener', 'cannot bind'],
      ['gateway-1', 'SlotRange', 'bad'],
    ],
  );
  assert.deepEqual(refusalsOf('cell-a', nodes.toReversed(), pods), refusals);
});

test('the path of a dump: an id may have slashes; one that is not connected here is said so', () => {
  const asked: string[] = [];
  const answer = nodeConfigAt(['edge', 'cell-a', 'edge-1', 'config'], (id) => {
    asked.push(id);
    return { node: node(id, 'edge', 'cell-a'), version: 'v', types: [] };
  });
  assert.ok(answer);
  assert.deepEqual(asked, ['edge/cell-a/edge-1']);
  assert.equal(
    nodeConfigAt(['edge', 'cell-a'], () => undefined),
    undefined,
  );
  assert.throws(() => nodeConfigAt(['x', 'config'], () => undefined), { code: 'invalid_arguments' });
});
