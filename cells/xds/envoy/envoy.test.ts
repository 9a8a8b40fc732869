import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cell } from '../../../crds/index.ts';
import { testCell as cell, testPod as pod } from '../../traffic/world.test-support.ts';
import { edgeWorld, type PodLike } from '../../traffic/world.ts';
import { assertConsistent, snapshot } from '../snapshot.ts';
import { ENVOY } from '../types.ts';
import { clusters, endpoints } from './clusters.ts';
import { listener } from './listener.ts';
import { decodeMessage, encodeMessage } from './messages.ts';
import { roleTraffic, routes } from './routes.ts';

const pods = (...names: string[]): PodLike[] =>
  names.flatMap((name, i) => [pod(name, 'gateway', 2 * i + 2), pod(name, 'api', 2 * i + 3)]);
const build = (cells: Cell[], podList: PodLike[], own = 'cell-a') => {
  const world = edgeWorld(cells, podList);
  return snapshot({
    [ENVOY.cluster]: clusters(world.cells),
    [ENVOY.endpoints]: endpoints(world),
    [ENVOY.route]: [routes(own, roleTraffic(world))],
    [ENVOY.listener]: [listener('127.1.0.1', 8080)],
  });
};
const versions = (s: ReturnType<typeof build>, type: string) =>
  Object.fromEntries([...s.types.get(type)!.values()].map((r) => [r.name, r.version]));

test('the snapshot is consistent, and the same whatever the order of what was observed', () => {
  const cells = [cell('cell-a'), cell('cell-b', 40), cell('cell-c')];
  const all = pods('cell-a', 'cell-b', 'cell-c');
  const one = build(cells, all);
  assertConsistent(one);
  assert.equal(build(cells.toReversed(), all.toReversed()).version, one.version);
});

test('a changed weight changes the routes and nothing else', () => {
  const all = pods('cell-a', 'cell-b', 'cell-c');
  const before = build([cell('cell-a', 100), cell('cell-b'), cell('cell-c')], all);
  const after = build([cell('cell-a', 99), cell('cell-b'), cell('cell-c')], all);
  for (const type of [ENVOY.cluster, ENVOY.endpoints, ENVOY.listener])
    assert.deepEqual(versions(after, type), versions(before, type));
  assert.notDeepEqual(versions(after, ENVOY.route), versions(before, ENVOY.route));
});

test('weights in the routes sum to 100 for each role', () => {
  const all = [...pods('cell-a', 'cell-b', 'cell-c')].filter((p) => p.metadata.name !== 'cell-b-api-5');
  const s = build([cell('cell-a', 0), cell('cell-b'), cell('cell-c')], all);
  const message = JSON.stringify(
    decodeMessage('envoy.config.route.v3.RouteConfiguration', s.types.get(ENVOY.route)!.get('edge')!.bytes),
  );
  const weights = [...message.matchAll(/"name":"([^"]+-or-other)","weight":\{"value":(\d+)\}/g)];
  assert.deepEqual(
    weights.map((m) => [m[1], Number(m[2])]),
    [
      ['cell-a-gateway-or-other', 0],
      ['cell-b-gateway-or-other', 50],
      ['cell-c-gateway-or-other', 50],
      ['cell-a-api-or-other', 0],
      ['cell-b-api-or-other', 0],
      ['cell-c-api-or-other', 100],
    ],
  );
});

test('a misspelt field is refused rather than dropped', () => {
  assert.throws(() => encodeMessage('envoy.config.cluster.v3.Cluster', { nmae: 'x' }), /no field nmae/);
});
