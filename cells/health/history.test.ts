import assert from 'node:assert/strict';
import { test } from 'node:test';
import { combine, errorRate } from './combine.ts';
import { LoadHistory } from './history.ts';
import { type Observation, observe, type Place } from './observations.ts';
import { BUCKETS } from './report.ts';

const START = 1_000_000_000;
const place = (zone: string, role: Place['role'] = 'api'): Place => ({
  pod: `cell-${zone}-${role}-0`,
  cell: `cell-${zone}`,
  zone: `zone-${zone}`,
  role,
});
const observation = (from: string, to: string, requests: number, errors: number): Observation => ({
  hop: 'edge',
  observerZone: `zone-${from}`,
  target: place(to),
  requests,
  errors,
  latencyMs: requests * 2,
  workspaces: [],
});

class Rig {
  ms = START;
  readonly clock = { wallMs: () => this.ms };
  readonly history = new LoadHistory(this.clock);
  add(...observations: Observation[]): void {
    this.history.add(observations[0]?.observerZone ?? 'zone-a', { observations, disconnects: [] });
  }
}

test('a bucket is reported when it is complete, and dropped when it is older than the window', () => {
  const rig = new Rig();
  rig.add(observation('a', 'b', 100, 3));
  assert.deepEqual(rig.history.report().pairs[0]?.buckets, []);
  rig.ms += 10_000;
  const [pair] = rig.history.report().pairs;
  assert.deepEqual(pair?.buckets, [{ requests: 100, errors: 3, latencyMs: 200 }]);
  assert.equal(pair?.targetCell, 'cell-b');
  rig.add(observation('a', 'b', 7, 0));
  rig.ms += 30_000;
  const later = rig.history.report().pairs[0]?.buckets.map((b) => b.requests);
  assert.deepEqual(later, [100, 7, 0, 0], 'none is missing in between');
  rig.ms += 10_000 * (BUCKETS - 3);
  assert.equal(rig.history.report().pairs[0]?.buckets.length, BUCKETS);
  assert.equal(rig.history.report().pairs[0]?.buckets[0]?.requests, 7);
  rig.ms += 20_000;
  assert.deepEqual(rig.history.report().pairs, [], 'a pair without requests is forgotten');
});

test('the window of the error budget slides by two seconds, and says nothing of few requests', () => {
  const rig = new Rig();
  const rate = (): number | undefined => errorRate('cell-b', [rig.history.cellLoads()]);
  rig.add(observation('a', 'b', 19, 19));
  rig.ms += 2_000;
  assert.equal(rate(), undefined, 'too few to mean anything');
  rig.add(observation('c', 'b', 21, 1));
  assert.equal(rate(), undefined, 'a slice counts when it is complete');
  rig.ms += 2_000;
  assert.equal(rate(), 0.5);
  rig.ms += 8_000;
  assert.equal(rate(), 1 / 21, 'the first slice has left the window, and no bucket had to end for it');
  rig.ms += 2_000;
  assert.equal(rate(), undefined);
});

test('what the replicas saw adds up, also when one is in the next bucket already', () => {
  const a = new Rig();
  const b = new Rig();
  a.add(observation('a', 'b', 10, 1));
  b.add(observation('a', 'b', 5, 5), observation('c', 'b', 1, 0));
  a.ms += 10_000;
  b.ms += 20_000;
  const report = combine(a.history.report(), [b.history.report(), undefined]);
  assert.equal(report.missingReplicas, 1);
  assert.deepEqual(
    report.pairs.map((p) => [p.observerZone, p.buckets]),
    [
      ['zone-a', [{ requests: 15, errors: 6, latencyMs: 30 }]],
      ['zone-c', [{ requests: 1, errors: 0, latencyMs: 2 }]],
    ],
  );
  assert.equal(report.targets[0]?.buckets[0]?.requests, 16);
  const load = { 'cell-b': { 'zone-a': { requests: 20, errors: 0 } } };
  assert.equal(errorRate('cell-b', [load, undefined, {}]), 0);
});

test('what one zone saw can be left out of the error budget: its own links may fail', () => {
  const rig = new Rig();
  rig.add(observation('c', 'b', 30, 15));
  rig.add(observation('a', 'b', 70, 0));
  rig.ms += 2_000;
  const rate = (without?: string): number | undefined => errorRate('cell-b', [rig.history.cellLoads()], without);
  assert.deepEqual([rate(), rate('zone-c'), rate('zone-a')], [0.15, 0, 0.5]);
});

test('an observer is a zone that reported in the last two buckets, with requests or without', () => {
  const rig = new Rig();
  rig.add();
  assert.deepEqual(rig.history.report().observers, ['zone-a']);
  rig.ms += 20_000;
  assert.deepEqual(rig.history.report().observers, ['zone-a']);
  rig.ms += 10_000;
  assert.deepEqual(rig.history.report().observers, []);
});

test('disconnects are summed over the last minute', () => {
  const rig = new Rig();
  const lost = (disconnects: number): void =>
    rig.history.add('zone-b', { observations: [], disconnects: [{ target: place('b', 'gateway'), disconnects }] });
  const perMinute = (): number | undefined => rig.history.report().targets[0]?.disconnectsPerMinute;
  lost(5);
  rig.ms += 30_000;
  lost(7);
  assert.equal(perMinute(), 12);
  rig.ms += 40_000;
  assert.equal(perMinute(), 7);
});

test('the workspace with most errors is named with its share, over reporters and replicas', () => {
  const a = new Rig();
  const b = new Rig();
  const of = (workspace: string, requests: number, errors: number): Observation => ({
    ...observation('a', 'b', requests, errors),
    workspaces: [{ workspace, requests, errors }],
  });
  a.add(of('T1', 10, 4));
  a.add(of('T2', 10, 9));
  a.add(of('T1', 10, 6));
  b.add(of('T1', 1, 1));
  for (const rig of [a, b]) rig.ms += 10_000;
  const [pair] = combine(a.history.report(), [b.history.report()]).pairs;
  assert.deepEqual(pair?.buckets[0]?.worst, { workspace: 'T1', requests: 21, errors: 11 });
});

test('a wall clock that jumps neither invents nor keeps figures', () => {
  const rig = new Rig();
  rig.add(observation('a', 'b', 100, 0));
  rig.ms -= 60_000;
  rig.add(observation('a', 'b', 1, 0));
  rig.ms += 70_000;
  assert.equal(rig.history.report().pairs[0]?.buckets.at(-1)?.requests, 101);
  rig.ms += 86_400_000;
  assert.deepEqual(rig.history.report().pairs, []);
});

test('roles make the hop; an address that is another Pod’s by now does not count for that Pod', () => {
  const stats = (cluster_name: string, address: string) => ({
    cluster_name,
    upstream_locality_stats: [
      {
        locality: { zone: 'zone-z' },
        upstream_endpoint_stats: [
          {
            address: { socket_address: { address } },
            total_successful_requests: 2,
            total_error_requests: 1,
            load_metric_stats: [],
          },
        ],
      },
    ],
  });
  const places = new Map([
    ['127.1.0.1', place('a', 'gateway')],
    ['127.1.0.2', place('a', 'channel')],
  ]);
  const hops = (role: string, cluster: string, ip: string) =>
    observe({ role, zone: 'zone-a' }, [stats(cluster, ip)], (a) => places.get(a)).observations.map((o) => [
      o.hop,
      o.target.pod,
      o.target.zone,
      o.requests,
    ]);
  assert.deepEqual(hops('edge', 'cell-a-gateway', '127.1.0.1'), [['edge', 'cell-a-gateway-0', 'zone-a', 3]]);
  assert.deepEqual(hops('api', 'cell-a-channel', '127.1.0.2'), [['owner', 'cell-a-channel-0', 'zone-a', 3]]);
  assert.deepEqual(hops('channel', 'cell-a-gateway', '127.1.0.1'), [['fanout', 'cell-a-gateway-0', 'zone-a', 3]]);
  assert.deepEqual(hops('edge', 'cell-b-api', '127.1.0.1'), [['edge', '', 'zone-z', 3]]);
  assert.deepEqual(hops('edge', 'chatcells-controlplane', '127.0.0.1'), []);
});
