import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { Pod } from '../contract/kube/index.ts';
import { testCell, testPod } from '../traffic/world.test-support.ts';
import type { Resource } from '../xds/snapshot.ts';
import { ENVOY } from '../xds/types.ts';
import { Publisher } from './publisher.ts';

test('what is held for an edge goes with its Pod', () => {
  const pods = new Map<string, Pod>();
  const publisher = new Publisher({
    observed: { cells: new Map([['a', testCell('cell-a')]]), rings: new Map(), workspaces: new Map(), pods },
    tables: () => [],
    clock: { after: (_: number, fn: () => void) => fn() } as never,
    ...{ log: pino({ level: 'silent' }), stateDir: '', publish: () => {}, onRefused: () => {} },
  });
  const rebuilt = (...edges: number[]): void => {
    pods.clear();
    const all = [testPod('cell-a', 'api', 1), testPod('cell-a', 'gateway', 2)];
    for (const pod of [...all, ...edges.map((n) => testPod('cell-a', 'edge', n))])
      pods.set(pod.metadata.name, pod as Pod);
    publisher.changed();
  };
  /** The very object: it is made anew for an edge of which nothing is held. */
  const listenerOf = (n: number): Resource => {
    const node = { id: '', cluster: '', role: 'edge', cell: 'cell-a', zone: 'zone-a', podIp: `127.1.0.${n}` };
    return [...publisher.snapshotFor(node)!.types.get(ENVOY.listener)!.values()][0]!;
  };
  publisher.goLive();
  rebuilt(11, 12);
  const [stays, goes] = [listenerOf(11), listenerOf(12)];
  rebuilt(11);
  rebuilt(11, 12);
  assert.equal(listenerOf(11), stays);
  assert.notEqual(listenerOf(12), goes);
  assert.equal(listenerOf(12).version, goes.version);
});
