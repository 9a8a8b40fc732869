import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../cells/contract/kube/objects.ts';
import {
  isSynced,
  type NodeFigures,
  type NodeState,
  nodeRows,
  type TypeFigures,
  typeNamed,
  whyOf,
} from './node-figures.ts';

const type = (name: string, state: NodeState, lastError?: string): TypeFigures => ({
  ...{ type: name, state, resources: 1, sentVersion: 'v2', ackedVersion: 'v1', acks: 1, nacks: 0 },
  ...(lastError === undefined ? {} : { lastError }),
});
const node = (pod: string, ...types: TypeFigures[]): NodeFigures => ({
  ...{ id: `edge/cell-a/${pod}`, pod, role: 'edge', cell: 'cell-a', zone: 'z', version: 'v', types },
  ...{ converged: true, behindSeconds: 0, connectedSeconds: 9 },
});
const pod = (name: string, role: string, ready = 'True'): Pod =>
  ({
    metadata: { name, labels: { 'app.kubernetes.io/component': role, 'chatcells.dev/cell': 'cell-a' } },
    status: { conditions: [{ type: 'Ready', status: ready }] },
  }) as unknown as Pod;
const pods = [pod('e1', 'edge'), pod('e2', 'edge'), pod('c1', 'channel'), pod('g1', 'gateway', 'False')];

test('a node is as bad as its worst type, and says why', () => {
  const states = (...types: TypeFigures[]) => nodeRows([{ pod: 'r', nodes: [node('e1', ...types)] }], [])[0]!;
  assert.equal(states(type('Cluster', 'SYNCED'), type('Listener', 'SYNCED')).state, 'SYNCED');
  assert.equal(whyOf(states(type('Cluster', 'SYNCED'))), undefined);
  const stale = states(type('Cluster', 'STALE'), type('Listener', 'SYNCED'));
  assert.deepEqual([stale.state, whyOf(stale)], ['STALE', 'has not acknowledged Cluster']);
  const nacked = states(type('Cluster', 'STALE'), type('Listener', 'NACKED', 'cannot\n  bind'));
  assert.deepEqual([nacked.state, whyOf(nacked)], ['NACKED', 'Listener: cannot bind']);
  assert.equal(states().state, 'NOT SENT');
});

test('a Ready Pod that nobody has a stream of is disconnected, or unknown while a replica is silent', () => {
  const said = (silent: boolean): string[] =>
    nodeRows(
      [
        { pod: 'r1', nodes: [node('e1', type('Cluster', 'SYNCED'))] },
        { pod: 'r2', nodes: silent ? undefined : [] },
      ],
      pods,
    ).map((r) => `${r.node} ${r.state}`);
  assert.deepEqual(said(false), ['e1 SYNCED', 'e2 DISCONNECTED']);
  assert.deepEqual(said(true), ['e1 SYNCED', 'e2 UNKNOWN']);
});

test('types by the names that people use', () => {
  assert.deepEqual(['rds', 'EDS', 'listener', 'SlotRange', 'x'].map(typeNamed), [
    'RouteConfiguration',
    'ClusterLoadAssignment',
    'Listener',
    'SlotRange',
    undefined,
  ]);
});

test('of one type: a node that refuses another one is synced, one that no replica serves is not', () => {
  const types = [type('Cluster', 'SYNCED'), type('Listener', 'NACKED', 'no')];
  const [served, away] = nodeRows(
    [{ pod: 'r', nodes: [node('e1', ...types)] }],
    [pod('e1', 'edge'), pod('e2', 'edge')],
  );
  assert.deepEqual(
    [isSynced(served!, 'Cluster'), isSynced(served!, 'Listener'), isSynced(served!)],
    [true, false, false],
  );
  assert.deepEqual([away?.state, isSynced(away!, 'Cluster')], ['DISCONNECTED', false]);
});
