import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judge, type Verdict } from './judge.ts';
import { HEALTH_POLICY, windowBucketsOf } from './policy.ts';
import { BUCKETS, type HealthReport } from './report.ts';
import {
  background,
  badPod,
  badWorkspace,
  deadStore,
  type Fault,
  lossyZone,
  World,
  type WorldOptions,
  ZONES,
} from './traffic.test-support.ts';

const normal = background(0.003);

/** The verdicts of so many buckets, after the first window has filled. */
function run(options: Omit<WorldOptions, 'seed'> & { seed?: number }, buckets: number): Verdict[] {
  const world = new World({ seed: 1, ...options, faults: [normal, ...options.faults] });
  return Array.from({ length: buckets }, () => judge(world.next(), HEALTH_POLICY)).slice(BUCKETS - 1);
}
const blamed = (verdicts: readonly Verdict[]): string[] => [
  ...new Set(verdicts.flatMap((v) => (v.badZone ? [v.badZone.zone] : []))),
];

const BEGAN = 30;
/** Buckets from the beginning of the fault to the verdict. */
function foundAfter(fault: Fault, options: Partial<WorldOptions> = {}): { zone: string; buckets: number } | undefined {
  const world = new World({ seed: 7, ...options, faults: [normal, fault] });
  for (let bucket = 0; bucket < BEGAN + 60; bucket++) {
    const { badZone } = judge(world.next(), HEALTH_POLICY);
    if (badZone) return { zone: badZone.zone, buckets: bucket + 1 - BEGAN };
  }
  return undefined;
}

for (const zone of ZONES) {
  for (const rate of [0.08, 0.15, 0.3, 0.6]) {
    test(`${zone} that loses ${rate * 100} % is found after about two minutes`, () => {
      for (let seed = 1; seed <= 2; seed++) {
        const found = foundAfter(lossyZone(zone, rate, { from: BEGAN }), { seed, postsPerBucket: 400 });
        assert.equal(found?.zone, zone, `seed ${seed}`);
        assert.ok(found.buckets >= 9 && found.buckets <= 13, `seed ${seed}: after ${found.buckets} buckets`);
      }
    });
  }
}

for (const hop of ['edge', 'owner', 'fanout'] as const) {
  test(`a zone is found by the ${hop} hop alone, and in one direction alone`, () => {
    const both = foundAfter(lossyZone('zone-b', 0.2, { from: BEGAN, hop }), { postsPerBucket: 800 });
    assert.deepEqual([both?.zone, (both?.buckets ?? 0) <= 13], ['zone-b', true]);
    const oneWay = lossyZone('zone-b', 0.2, { from: BEGAN, hop, direction: 'in' });
    assert.equal(foundAfter(oneWay, { postsPerBucket: 800 })?.zone, 'zone-b');
  });
}

test('more zones, one server of each role, few posts: still found', () => {
  const zones = ['a', 'b', 'c', 'd', 'e'].map((z) => `zone-${z}`);
  const many = { zones, postsPerBucket: 2000 };
  assert.equal(foundAfter(lossyZone('zone-d', 0.2, { from: BEGAN }), many)?.zone, 'zone-d');
  const small = { servers: { gateway: 1, api: 1, channel: 2 }, postsPerBucket: 120, workspaces: 2 };
  assert.equal(foundAfter(lossyZone('zone-b', 0.3, { from: BEGAN }), small)?.zone, 'zone-b');
  assert.equal(foundAfter(lossyZone('zone-b', 0.3, { from: BEGAN }), { workspaces: 1 })?.zone, 'zone-b');
});

const LONG = 60;
test('one bad workspace blames no zone and no gateway, wherever its channel lives, and is named itself', () => {
  for (const rate of [0.3, 1]) {
    for (const where of [undefined, 'zone-b']) {
      const verdicts = run({ faults: [badWorkspace('T0', rate, where)] }, LONG);
      assert.deepEqual([blamed(verdicts), verdicts.flatMap((v) => v.badGateways)], [[], []]);
      const { badWorkspace: named } = verdicts.at(-1)!;
      assert.equal(named?.workspace, 'T0');
      assert.ok(Math.abs(named.errorRate - rate) < 0.25, `${rate}: ${named.errorRate}`);
    }
  }
  for (const faults of [[], [lossyZone('zone-b', 0.3)], [deadStore(0.4)], [badPod('gateway-zone-b-0', 0.5)]])
    assert.equal(run({ faults }, LONG).at(-1)!.badWorkspace, undefined);
});

test('one bad process blames no zone; a gateway is named, also the only one of its cell that has traffic', () => {
  for (const role of ['gateway', 'api', 'channel']) {
    for (const rate of [0.2, 0.9]) {
      const verdicts = run({ faults: [badPod(`${role}-zone-b-0`, rate)], postsPerBucket: 600 }, LONG);
      assert.deepEqual(blamed(verdicts), [], `${role} ${rate}`);
      const named = verdicts.at(-1)?.badGateways.map((g) => g.pod);
      assert.deepEqual(named, role === 'gateway' ? ['gateway-zone-b-0'] : []);
    }
  }
  const alone = { servers: { gateway: 1, api: 1, channel: 2 }, faults: [badPod('gateway-zone-b-0', 0.5)] };
  const verdicts = run(alone, LONG);
  assert.deepEqual([blamed(verdicts), verdicts.at(-1)?.badGateways.map((g) => g.pod)], [[], ['gateway-zone-b-0']]);
});

test('a dead or ailing store, and one broken link, blame no zone', () => {
  for (const rate of [0.05, 0.06, 0.1, 0.5, 1]) {
    const verdicts = run({ faults: [deadStore(rate)], postsPerBucket: 400 }, LONG);
    assert.deepEqual(blamed(verdicts), [], `store ${rate}`);
  }
  const link: Fault = (l) => ([l.observerZone, l.targetZone].sort().join() === 'zone-a,zone-b' ? 0.5 : 0);
  assert.deepEqual(blamed(run({ faults: [link] }, LONG)), []);
});

test('two bad zones, or two zones in all, blame nobody', () => {
  const both = run({ faults: [lossyZone('zone-a', 0.3), lossyZone('zone-b', 0.3)] }, LONG);
  assert.deepEqual(blamed(both), []);
  const two = run({ zones: ['zone-a', 'zone-b'], faults: [lossyZone('zone-b', 0.5)] }, LONG);
  assert.deepEqual([blamed(two), two.at(-1)?.withheld], [[], 'Ambiguous']);
});

test('what one zone alone says is not enough', () => {
  const fault: Fault = (l) => (l.observerZone === 'zone-b' && l.targetZone !== 'zone-b' ? 0.4 : 0);
  const verdicts = run({ faults: [fault] }, LONG);
  assert.deepEqual([blamed(verdicts), verdicts.at(-1)?.withheld], [[], 'OneObserver']);
});

test('a zone is well when something is measured across its border and nothing of it fails', () => {
  const well = (faults: Fault[]): string[] | undefined => run({ faults, postsPerBucket: 400 }, LONG).at(-1)?.wellZones;
  assert.deepEqual(well([]), ZONES);
  assert.deepEqual(well([deadStore(0.4)]), []);
  assert.deepEqual(well([lossyZone('zone-b', 0.3)]), [], 'what fails at b fails at the others, too');
  const onlyB: Fault = (l) => (l.observerZone === 'zone-b' && l.targetZone !== 'zone-b' ? 0.4 : 0);
  assert.deepEqual(well([onlyB]), [], 'OneObserver: nobody knows');
  const world = new World({ seed: 1, faults: [normal], postsPerBucket: 400 });
  let report: HealthReport = world.next();
  while (world.buckets < BUCKETS) report = world.next();
  const drained = report.pairs.filter((p) => p.observerZone !== 'zone-b' && p.targetZone !== 'zone-b');
  assert.deepEqual(judge({ ...report, pairs: drained }, HEALTH_POLICY).wellZones, ['zone-a', 'zone-c']);
});

test('a missing replica forbids a verdict, unless all it can hide is the word of the bad zone itself', () => {
  const world = new World({ seed: 3, faults: [normal, lossyZone('zone-b', 0.4)] });
  let report: HealthReport = world.next();
  while (world.buckets < BUCKETS) report = world.next();
  const with_ = (missingReplicas: number, ...silent: string[]) =>
    judge(
      {
        ...report,
        missingReplicas,
        observers: ZONES.filter((z) => !silent.includes(z)),
        pairs: report.pairs.filter((p) => !silent.includes(p.observerZone)),
      },
      HEALTH_POLICY,
    );
  assert.equal(with_(0).badZone?.zone, 'zone-b');
  assert.equal(with_(1, 'zone-b').badZone?.zone, 'zone-b');
  assert.deepEqual([with_(1, 'zone-a').badZone, with_(1, 'zone-a').withheld], [undefined, 'MissingReplicas']);
  assert.equal(with_(2, 'zone-b').withheld, 'MissingReplicas');
});

test('a gateway that loses its sockets is named at the threshold, and nobody when most do', () => {
  const world = new World({ seed: 3, servers: { gateway: 3, api: 1, channel: 1 }, faults: [normal] });
  let report: HealthReport = world.next();
  while (world.buckets < BUCKETS) report = world.next();
  const lose = (...lost: number[]) => {
    const targets = report.targets.map((t) => {
      const i = t.role === 'gateway' && t.zone === 'zone-a' ? Number(t.pod.at(-1)) : -1;
      return lost[i] === undefined ? t : { ...t, disconnectsPerMinute: lost[i] };
    });
    return judge({ ...report, targets }, HEALTH_POLICY).badGateways.map((g) => g.pod);
  };
  assert.deepEqual(lose(10_000), []);
  assert.deepEqual(lose(10_001), ['gateway-zone-a-0']);
  assert.deepEqual(lose(100, 30_000, 200), ['gateway-zone-a-1']);
  assert.deepEqual(lose(20_000, 30_000, 0), []);
});

test('any report: no throw, the order of rows is no matter, and no zone without two observers', () => {
  const outcomes = fc
    .tuple(fc.nat({ max: 200 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(undefined, 'T1', 'T2'))
    .map(([requests, share, workspace]) => {
      const errors = Math.floor(requests * share);
      const worst = workspace && { workspace, requests: Math.ceil(requests / 2), errors: Math.floor(errors / 2) };
      return { requests, errors, latencyMs: 0, ...(worst ? { worst } : {}) };
    });
  // Rows that last: one outcome for the whole window, so that verdicts come about.
  const buckets = fc.oneof(
    fc.array(outcomes, { maxLength: BUCKETS }),
    outcomes.map((o) => Array.from({ length: BUCKETS }, () => o)),
  );
  const zone = fc.constantFrom(...ZONES);
  const pair = fc.record({
    hop: fc.constantFrom('edge' as const, 'owner' as const, 'fanout' as const),
    observerZone: zone,
    targetZone: zone,
    targetCell: fc.constant('cell'),
    buckets,
  });
  const role = fc.constantFrom('gateway' as const, 'api' as const, 'channel' as const);
  const target = fc.record({ pod: fc.string({ maxLength: 3 }), cell: fc.constant('cell'), zone, role, buckets });
  const report = fc.record({
    observers: fc.subarray(ZONES),
    missingReplicas: fc.nat({ max: 2 }),
    pairs: fc.array(pair, { maxLength: 20 }),
    targets: fc.uniqueArray(target, { maxLength: 8, selector: (t) => t.pod }),
  });
  fc.assert(
    fc.property(report, (r) => {
      const verdict = judge(r, HEALTH_POLICY);
      const again = judge({ ...r, pairs: [...r.pairs].reverse(), targets: [...r.targets].reverse() }, HEALTH_POLICY);
      assert.deepEqual(again, verdict);
      if (verdict.badZone) assert.ok(verdict.badZone.observers.length >= 2);
      assert.ok(verdict.badZone === undefined || verdict.withheld === undefined);
    }),
    { numRuns: 2000 },
  );
});

test('a window is at least two buckets and at most what a report holds', () => {
  assert.deepEqual([1_000, 30_000, 120_000, 600_000].map(windowBucketsOf), [2, 3, 12, 12]);
});

test('two workspaces that fail alike in a bad zone: the one with most errors is not left out', () => {
  const world = new World({ seed: 5, workspaces: 2, postsPerBucket: 400, faults: [normal, lossyZone('zone-b', 0.25)] });
  let report: HealthReport = world.next();
  while (world.buckets < BUCKETS) report = world.next();
  // Requests before an observer's first error are not counted by workspace, as they were on the cluster.
  for (const { worst } of [...report.pairs, ...report.targets].flatMap((p) => p.buckets))
    if (worst) worst.requests = Math.max(worst.errors, Math.round(0.5 * worst.requests));
  const { badZone, badWorkspace: named } = judge(report, HEALTH_POLICY);
  assert.deepEqual([badZone?.zone, named], ['zone-b', undefined]);
});

test('the only workspace of a bad zone is not blamed for it, though not all of its requests are counted as its own', () => {
  const world = new World({ seed: 6, workspaces: 1, postsPerBucket: 400, faults: [normal, lossyZone('zone-b', 0.25)] });
  let report: HealthReport = world.next();
  while (world.buckets < BUCKETS) report = world.next();
  for (const { worst } of [...report.pairs, ...report.targets].flatMap((p) => p.buckets))
    if (worst) worst.requests = Math.max(worst.errors, Math.round(0.92 * worst.requests));
  const { badZone, badWorkspace: named } = judge(report, HEALTH_POLICY);
  assert.deepEqual([badZone?.zone, named], ['zone-b', undefined]);
});
