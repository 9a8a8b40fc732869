import assert from 'node:assert/strict';
import { test } from 'node:test';
import { combine, errorRate } from './combine.ts';
import { LoadHistory, type OwnReport } from './history.ts';
import { type Observation, observe, type Place } from './observations.ts';
import { HEALTH_POLICY } from './policy.ts';
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
  ms: number;
  readonly clock = { wallMs: () => this.ms };
  readonly history: LoadHistory;
  constructor(ms = START) {
    this.ms = ms;
    this.history = new LoadHistory(this.clock);
  }
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
  rig.ms -= 8_000;
  rig.add(observation('a', 'b', 1, 0));
  rig.ms += 18_000;
  assert.equal(rig.history.report().pairs[0]?.buckets.at(-1)?.requests, 101);
  rig.ms += 86_400_000;
  assert.deepEqual(rig.history.report().pairs, []);
});

/** Two-second rounds in which each of `rigs` is told the same. */
function rounds(n: number, rigs: readonly Rig[], of: Observation): void {
  for (let i = 0; i < n; i++)
    for (const rig of rigs) {
      rig.add(of);
      rig.ms += 2_000;
    }
}

test('after the wall clock was set back the history goes on: buckets have the numbers that the others give them', () => {
  const seen = { ...observation('a', 'b', 10, 1), workspaces: [{ workspace: 'T1', requests: 4, errors: 1 }] };
  for (const backMs of [20_000, 27_000, 3_600_000]) {
    const right = new Rig();
    const wrong = new Rig(START + backMs);
    rounds(40, [right, wrong], seen);
    wrong.ms = right.ms;
    assert.equal(wrong.history.report().bucket, right.history.report().bucket, `${backMs} ms`);
    assert.deepEqual(wrong.history.report().observers, ['zone-a']);
    assert.equal(wrong.history.cellLoads()['cell-b']?.['zone-a']?.requests, 50, 'what was seen before is not lost');
    rounds(20, [right, wrong], seen);
    const report = combine(right.history.report(), [wrong.history.report()]);
    assert.equal(report.missingReplicas, 0);
    assert.deepEqual(
      report.pairs[0]?.buckets.slice(-3).map((bucket) => [bucket.requests, bucket.worst]),
      Array.from({ length: 3 }, () => [100, { workspace: 'T1', requests: 40, errors: 10 }]),
    );
  }
});

test('a replica whose clock is more than a bucket off counts as missing, and the others are judged', () => {
  for (const offMs of [-200_000, -140_000, -20_000, 20_000, 140_000]) {
    const rigs = [new Rig(), new Rig(), new Rig()];
    const off = new Rig(START + offMs);
    rounds(70, rigs, observation('a', 'b', 10, 1));
    rounds(70, [off], observation('z', 'b', 10, 10));
    const [a, b, c] = rigs.map((rig) => rig.history.report());
    const its = off.history.report();
    for (const report of [combine(a!, [b!, c!, its]), combine(its, [a!, b!, c!])]) {
      assert.equal(report.missingReplicas, 1, `${offMs} ms off`);
      assert.deepEqual(report.observers, ['zone-a']);
      assert.equal(report.pairs.length, 1);
      assert.ok(report.pairs[0]!.buckets.length >= HEALTH_POLICY.windowBuckets);
      assert.deepEqual(report.pairs[0]?.buckets.at(-1), { requests: 150, errors: 15, latencyMs: 300 });
    }
  }
});

test('a bucket before and one behind most of them: all are heard, and enough is left to judge by', () => {
  const reportAt = (bucket: number, buckets = BUCKETS): OwnReport => ({
    bucket,
    observers: [],
    pairs: [
      {
        ...{ hop: 'edge', observerZone: `zone-${bucket}`, targetZone: 'zone-b', targetCell: 'cell-b' },
        buckets: Array.from({ length: buckets }, (_, i) => ({
          requests: bucket - buckets + 1 + i,
          errors: 0,
          latencyMs: 0,
        })),
      },
    ],
    targets: [],
  });
  const { missingReplicas, pairs } = combine(reportAt(100), [reportAt(101), reportAt(99)]);
  assert.equal(missingReplicas, 0);
  assert.deepEqual(
    pairs.map((p) => p.buckets.at(-1)?.requests),
    [99, 99, 99],
    'the newest that all have is the last',
  );
  for (const { buckets } of pairs) assert.ok(buckets.length >= HEALTH_POLICY.windowBuckets);
  const young = combine(reportAt(100), [reportAt(101, 1), reportAt(99)]);
  assert.deepEqual(
    young.pairs.find((p) => p.observerZone === 'zone-101')?.buckets,
    [],
    'none is taken for an older one',
  );
  assert.equal(combine(reportAt(100), [reportAt(102)]).missingReplicas, 1);
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
