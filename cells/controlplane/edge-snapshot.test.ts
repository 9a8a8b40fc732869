import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../contract/errors.ts';
import type { EdgeCell, EdgeWorld, Endpoint } from '../traffic/world.ts';
import { buildEdge, type EdgeBuild, type EdgeConfig, SharedBuilder } from './edge-snapshot.ts';

const world = (weights: Record<string, number>, change: Partial<EdgeWorld> = {}): EdgeWorld => ({
  cells: Object.entries(weights).map(([name, weight]) => ({
    ...{ name, region: 'r', zone: name, weight, capacity: 1000, edgePort: 8080 },
  })),
  endpoints: Object.keys(weights).flatMap((cell) =>
    (['api', 'gateway'] as const).map((role) => ({
      ...{ pod: `${cell}-${role}`, cell, role, ip: '127.0.0.9', health: 'HEALTHY' as const },
    })),
  ),
  ...change,
});

const build = (w: EdgeWorld, last: EdgeConfig | undefined): EdgeBuild =>
  buildEdge('a', w, new SharedBuilder().build(w), last);

test('weights that sum to zero: the last good routes stay, the endpoints move on', () => {
  const good = build(world({ a: 100, b: 50 }), undefined).config;
  assert.ok(good);
  const zero = build(world({ a: 0, b: 0 }), good);
  assert.ok(hasCode(zero.refused, 'weights_sum_to_zero'));
  assert.equal(zero.config?.route, good.route);
  const gone = build(world({ a: 100, b: 50 }, { endpoints: [] }), good);
  assert.ok(hasCode(gone.refused, 'weights_sum_to_zero'), 'cells without endpoints count as zero');
  assert.notDeepEqual(gone.config?.endpoints, good.endpoints);
});

test('nothing good yet: nothing is published', () => {
  const first = build(world({ a: 0, b: 0 }), undefined);
  assert.equal(first.config, undefined);
  assert.ok(hasCode(first.refused, 'weights_sum_to_zero'));
});

test('before the first servers are up an edge waits, and nothing is refused', () => {
  for (const endpoints of [[], world({ a: 100 }).endpoints.filter((e) => e.role === 'api')])
    assert.deepEqual(build(world({ a: 100, b: 50 }, { endpoints }), undefined), { config: undefined });
});

test('kept routes that name a cell which is gone: all of the last good stays', () => {
  const good = build(world({ a: 100, b: 50 }), undefined).config;
  const kept = build(world({ a: 0 }), good);
  assert.ok(hasCode(kept.refused, 'snapshot_inconsistent'));
  assert.equal(kept.config, good);
});

test('the next good one is published whole', () => {
  const good = build(world({ a: 100, b: 50 }), undefined).config;
  const next = build(world({ a: 99, b: 50 }), good);
  assert.equal(next.refused, undefined);
  assert.notEqual(next.config?.route.version, good?.route.version);
});

test('whatever an assignment is made from makes it anew when it changes', () => {
  const [first, ...others] = world({ a: 100, b: 50 }).endpoints as [Endpoint, ...Endpoint[]];
  const [cell, ...cells] = world({ a: 100, b: 50 }).cells as [EdgeCell, ...EdgeCell[]];
  const changes: Partial<EdgeWorld>[] = [
    { endpoints: [{ ...first, ip: '127.0.0.8' }, ...others] },
    { endpoints: [{ ...first, health: 'DRAINING' }, ...others] },
    { endpoints: [first, { ...first, pod: 'another', ip: '127.0.0.7' }, ...others] },
    { endpoints: others },
    { cells: [{ ...cell, zone: 'another' }, ...cells] },
    { cells: [{ ...cell, region: 'another' }, ...cells] },
  ];
  for (const change of changes) {
    const builder = new SharedBuilder();
    const before = builder.build(world({ a: 100, b: 50 }));
    const after = builder.build(world({ a: 100, b: 50 }, change));
    assert.notEqual(after.endpoints, before.endpoints, JSON.stringify(change));
    assert.deepEqual(after, new SharedBuilder().build(world({ a: 100, b: 50 }, change)));
  }
});

test('an edge of which nothing changes keeps its very configuration', () => {
  const builder = new SharedBuilder();
  const of = (w: EdgeWorld, last?: EdgeConfig) => buildEdge('a', w, builder.build(w), last).config!;
  const first = of(world({ a: 100, b: 50 }));
  assert.equal(of(world({ a: 100, b: 50 }), first), first);
  for (const other of [world({ a: 90, b: 50 }), world({ a: 100, b: 50, c: 10 })])
    assert.notEqual(of(other, first).snapshot.version, first.snapshot.version);
  const [{ edgePort: _, ...cell }, ...others] = world({ a: 100, b: 50 }).cells as [EdgeCell, EdgeCell];
  assert.equal(of(world({ a: 100, b: 50 }, { cells: [{ ...cell, edgePort: 9 }, ...others] }), first).port, 9);
});

test('what has not changed is not made again, and what has is', () => {
  const builder = new SharedBuilder();
  const before = builder.build(world({ a: 100, b: 50 }));
  const { endpoints } = world({ a: 100, b: 50 });
  const leaving = endpoints.map((e) => (e.pod === 'b-api' ? { ...e, health: 'DRAINING' as const } : e));
  const after = builder.build(world({ a: 10, b: 50 }, { endpoints: leaving }));
  assert.equal(after.clusters, before.clusters);
  const changed = [...after.endpoints.values()].filter((e) => e !== before.endpoints.get(e.name)).map((e) => e.name);
  assert.deepEqual(changed, ['b-api']);
  assert.equal(builder.build(world({ a: 100, b: 50 }, { endpoints: leaving })).endpoints, after.endpoints);
  const scratch = new SharedBuilder().build(world({ a: 10, b: 50 }, { endpoints: leaving }));
  assert.deepEqual(after, scratch);
  const fewer = builder.build(world({ a: 100 }));
  assert.deepEqual(fewer, new SharedBuilder().build(world({ a: 100 })));
});
