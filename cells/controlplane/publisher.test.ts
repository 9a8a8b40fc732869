import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { Pod } from '../contract/kube/index.ts';
import { testCell, testPod } from '../traffic/world.test-support.ts';
import type { PodLike } from '../traffic/world.ts';
import type { NodeInfo } from '../xds/node.ts';
import type { Resource } from '../xds/snapshot.ts';
import { ENVOY } from '../xds/types.ts';
import { Publisher } from './publisher.ts';

test('a stream keeps its listener over changes, and another stream has an equal one', () => {
  const pods = new Map<string, Pod>();
  const publisher = new Publisher({
    observed: { cells: new Map([['a', testCell('cell-a')]]), rings: new Map(), workspaces: new Map(), pods },
    tables: () => [],
    clock: { after: (_: number, fn: () => void) => fn() } as never,
    ...{ log: pino({ level: 'silent' }), stateDir: '', publish: () => {}, onRefused: () => {} },
  });
  const rebuilt = (...pod: PodLike[]): void => {
    for (const p of pod) pods.set(p.metadata.name, p as Pod);
    publisher.changed();
  };
  const edge = (n: number): NodeInfo => ({
    ...{ id: '', cluster: '', role: 'edge', cell: 'cell-a', zone: 'zone-a', podIp: `127.1.0.${n}` },
  });
  const listenerOf = (node: NodeInfo): Resource => publisher.snapshotFor(node)!.types.get(ENVOY.listener)!.get('edge')!;
  publisher.goLive();
  rebuilt(testPod('cell-a', 'api', 1), testPod('cell-a', 'gateway', 2));
  const node = edge(11);
  const [first, before] = [publisher.snapshotFor(node)!, listenerOf(node)];
  rebuilt();
  assert.equal(publisher.snapshotFor(node), first, 'nothing has changed, and nothing is compared');
  rebuilt(testPod('cell-a', 'gateway', 3));
  assert.notEqual(publisher.snapshotFor(node)!.version, first.version);
  assert.equal(listenerOf(node), before);
  assert.equal(listenerOf(edge(11)).version, before.version);
  assert.notEqual(listenerOf(edge(12)).version, before.version);
});
