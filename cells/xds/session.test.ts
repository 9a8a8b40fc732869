import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DeltaResource, DeltaResponse } from '../contract/ads/messages.ts';
import { Session } from './session.ts';
import { assertConsistent, type Resource, resource, type Snapshot, snapshot } from './snapshot.ts';
import { ENVOY } from './types.ts';

const text = (s: string): Uint8Array => Buffer.from(s);
const cluster = (name: string, body = 'v1'): Resource => resource(name, text(body), [{ type: ENVOY.endpoints, name }]);
const endpoints = (name: string, body = 'v1'): Resource => resource(name, text(body));
const route = (name: string, clusters: string[], body = 'v1'): Resource =>
  resource(
    name,
    text(body + clusters.join()),
    clusters.map((c) => ({ type: ENVOY.cluster, name: c })),
  );
/** A node refuses what begins with it. */
const BAD = 'bad';
const OTHER = 'type.googleapis.com/chatcells.v1.Workspace';

const world = (clusters: string[], body = 'v1') =>
  snapshot({
    [ENVOY.cluster]: clusters.map((c) => cluster(c)),
    [ENVOY.endpoints]: clusters.map((c) => endpoints(c)),
    [ENVOY.route]: [route('r', clusters, body)],
    [ENVOY.listener]: [resource('l', text('l'), [{ type: ENVOY.route, name: 'r' }])],
  });

/** Acknowledges everything and subscribes to endpoints as Envoy does. Returns what was sent, in order. */
class Node {
  readonly log: string[] = [];
  readonly session = new Session();
  readonly held = new Map<string, Map<string, string>>();
  nackRoutes = false;
  /** Or only what is bad, as Envoy does with clusters and endpoints; it tells of the bad ones only. */
  refusesWhole = true;
  /** Answers only what it is told to: what was sent is on its way until then. */
  slow = false;
  readonly #queue: DeltaResponse[] = [];
  #busy = false;

  request(
    type: string,
    subscribe: string[],
    unsubscribe: readonly string[] = [],
    initial?: Record<string, string>,
  ): void {
    this.take(
      this.session.onRequest({
        type_url: type,
        resource_names_subscribe: subscribe,
        resource_names_unsubscribe: [...unsubscribe],
        ...(initial ? { initial_resource_versions: initial } : {}),
      }).responses,
    );
  }
  take(responses: DeltaResponse[]): void {
    this.#queue.push(...responses);
    if (this.#busy || this.slow) return;
    this.#busy = true;
    while (this.answer());
    this.#busy = false;
  }
  /** Takes and answers the oldest response. False when there is none. */
  answer(): boolean {
    const response = this.#queue.shift();
    if (response) this.#one(response);
    return response !== undefined;
  }
  #one(r: DeltaResponse): void {
    const held = this.held.get(r.type_url) ?? new Map<string, string>();
    this.held.set(r.type_url, held);
    const kind = r.type_url.slice(r.type_url.lastIndexOf('.') + 1);
    for (const x of r.resources) this.log.push(`+${kind} ${x.name}`);
    for (const x of r.removed_resources) this.log.push(`-${kind} ${x}`);
    const bad = r.resources.filter((x) => this.#refuses(r.type_url, x));
    const whole = bad.length > 0 && this.refusesWhole;
    const taken = whole ? [] : r.resources.filter((x) => !bad.includes(x));
    for (const x of taken) held.set(x.name, x.version);
    const removed = whole ? [] : r.removed_resources;
    for (const x of removed) held.delete(x);
    if (r.type_url === ENVOY.cluster) {
      const added = taken.map((x) => x.name);
      if (added.length + removed.length > 0) this.request(ENVOY.endpoints, added, removed);
    }
    const ack = { type_url: r.type_url, response_nonce: r.nonce };
    const answer = bad.length > 0 ? { ...ack, error_detail: { message: 'no such thing' } } : ack;
    this.take(this.session.onRequest(answer).responses);
  }
  #refuses(type: string, { resource: any }: DeltaResource): boolean {
    return (this.nackRoutes && type === ENVOY.route) || Buffer.from(any!.value).toString().startsWith(BAD);
  }
  start(): void {
    this.request(ENVOY.cluster, []);
    this.request(ENVOY.listener, ['*']);
    this.request(ENVOY.route, ['r']);
  }
}

test('nothing is answered before anything is known', () => {
  const node = new Node();
  node.start();
  assert.deepEqual(node.log, []);
  node.take(node.session.setSnapshot(world(['a'])));
  assert.deepEqual(node.log, ['+Cluster a', '+Listener l', '+ClusterLoadAssignment a', '+RouteConfiguration r']);
  assert.equal(node.session.converged, true);
});

test('make before break: clusters, endpoints, routes, then removals', () => {
  const node = new Node();
  node.session.setSnapshot(world(['a', 'b']));
  node.start();
  node.log.length = 0;
  node.take(node.session.setSnapshot(world(['b', 'c'])));
  assert.deepEqual(node.log, ['+Cluster c', '+ClusterLoadAssignment c', '+RouteConfiguration r', '-Cluster a']);
});

test('a route waits until its new clusters have been accepted', () => {
  const session = new Session();
  session.setSnapshot(world(['a']));
  const [first] = session.onRequest({ type_url: ENVOY.cluster }).responses;
  assert.equal(first?.type_url, ENVOY.cluster);
  assert.deepEqual(session.onRequest({ type_url: ENVOY.route, resource_names_subscribe: ['r'] }).responses, []);
  const eds = session.onRequest({ type_url: ENVOY.endpoints, resource_names_subscribe: ['a'] }).responses;
  session.onRequest({ type_url: ENVOY.cluster, response_nonce: first.nonce });
  const { responses } = session.onRequest({ type_url: ENVOY.endpoints, response_nonce: eds[0]!.nonce });
  assert.deepEqual(
    responses.map((r) => r.type_url),
    [ENVOY.route],
  );
});

test('a refused route keeps its clusters; the next good one lets them go', () => {
  const node = new Node();
  node.session.setSnapshot(world(['a', 'b']));
  node.start();
  node.nackRoutes = true;
  node.log.length = 0;
  node.take(node.session.setSnapshot(world(['b'])));
  assert.deepEqual(node.log, ['+RouteConfiguration r'], 'the cluster is not removed, the route not sent again');
  assert.equal(node.session.types.get(ENVOY.route)?.lastError, 'r: no such thing');
  assert.equal(node.session.converged, false);
  node.nackRoutes = false;
  node.take(node.session.setSnapshot(world(['b'], 'v2')));
  assert.deepEqual(node.log.slice(1), ['+RouteConfiguration r', '-Cluster a']);
  assert.equal(node.session.types.get(ENVOY.route)?.lastError, undefined);
});

test('changes during a response in flight come together in the next one', () => {
  const session = new Session();
  const at = (v: string) => snapshot({ [OTHER]: [resource('x', text(v))] });
  session.setSnapshot(at('1'));
  const [first] = session.onRequest({ type_url: OTHER, resource_names_subscribe: ['*'] }).responses;
  assert.deepEqual(session.setSnapshot(at('2')), []);
  assert.deepEqual(session.setSnapshot(at('3')), []);
  const next = session.onRequest({ type_url: OTHER, response_nonce: first!.nonce });
  assert.equal(next.answered.outcome, 'ack');
  assert.equal(Buffer.from(next.responses[0]!.resources[0]!.resource!.value).toString(), '3');
});

test('a stale nonce changes nothing', () => {
  const session = new Session();
  session.setSnapshot(snapshot({ [OTHER]: [resource('x', text('1'))] }));
  session.onRequest({ type_url: OTHER, resource_names_subscribe: ['*'] });
  const stale = session.onRequest({ type_url: OTHER, response_nonce: '999', error_detail: { message: 'old' } });
  assert.equal(stale.answered.outcome, 'stale');
  assert.deepEqual(stale.responses, []);
  assert.equal(session.types.get(OTHER)?.nacks, 0);
});

test('the state of a type: not sent, stale while an answer is due, synced, nacked until the next good one', () => {
  const session = new Session();
  const at = (v: string) => snapshot({ [OTHER]: [resource('x', text(v))] });
  session.onRequest({ type_url: OTHER, resource_names_subscribe: ['*'] });
  assert.equal(session.stateOf(OTHER), 'NOT SENT');
  assert.equal(session.converged, false, 'a replica that knows nothing vouches for nobody');
  const said: string[] = [];
  for (const [v, error] of [['1'], ['2', 'no'], ['3']] as const) {
    const [response] = session.setSnapshot(at(v));
    said.push(session.stateOf(OTHER));
    const answer = { type_url: OTHER, response_nonce: response!.nonce };
    session.onRequest(error ? { ...answer, error_detail: { message: error } } : answer);
    said.push(session.stateOf(OTHER));
  }
  assert.deepEqual(said, ['STALE', 'SYNCED', 'STALE', 'NACKED', 'NACKED', 'SYNCED']);
});

test('by name: an unknown name is answered as removed, and sent once it exists', () => {
  const node = new Node();
  node.session.setSnapshot(snapshot({}));
  node.request(OTHER, ['T1']);
  assert.deepEqual(node.log, ['-Workspace T1']);
  node.take(node.session.setSnapshot(snapshot({ [OTHER]: [resource('T1', text('1')), resource('T2', text('2'))] })));
  assert.deepEqual(node.log, ['-Workspace T1', '+Workspace T1']);
});

test('a reconnecting node gets what changed and loses what is gone', () => {
  const node = new Node();
  const now = snapshot({ [OTHER]: [resource('same', text('1')), resource('new', text('2'))] });
  const same = now.types.get(OTHER)!.get('same')!.version;
  node.session.setSnapshot(now);
  node.request(OTHER, ['*'], [], { same, gone: 'xyz' });
  assert.deepEqual(node.log, ['+Workspace new', '-Workspace gone']);
});

/** `bodies`: of the resources of a type that are not `v1`, by name. */
const only = (bodies: Record<string, string>) =>
  snapshot({ [OTHER]: Object.entries(bodies).map(([name, body]) => resource(name, text(body))) });

test('of several in a refused response the bad one alone stays refused, and counts until it is replaced', () => {
  const node = new Node();
  node.session.setSnapshot(only({ a: '1', b: BAD, c: '1' }));
  node.request(OTHER, ['*']);
  const sent = (...names: string[]) => names.map((name) => `+Workspace ${name}`);
  assert.deepEqual(node.log, sent('a', 'b', 'c', 'a', 'b', 'c', 'b', 'c'), 'all, one, two, and these alone');
  assert.deepEqual([...node.held.get(OTHER)!.keys()], ['a', 'c']);
  assert.equal(node.session.stateOf(OTHER), 'NACKED');
  assert.deepEqual([...node.session.types.get(OTHER)!.refused], [['b', 'no such thing']]);
  node.log.length = 0;
  node.take(node.session.setSnapshot(only({ a: '2', b: BAD, c: '2', d: '1' })));
  assert.deepEqual(node.log, sent('a', 'c', 'd'), 'in one response: nothing is looked for any more');
  assert.equal(node.session.stateOf(OTHER), 'NACKED', 'it is refused still');
  assert.equal(node.session.types.get(OTHER)?.lastError, 'b: no such thing');
  node.log.length = 0;
  node.take(node.session.setSnapshot(only({ a: '2', b: '1', c: '2', d: '1' })));
  assert.deepEqual(node.log, sent('b'));
  assert.equal(node.session.stateOf(OTHER), 'SYNCED');
  assert.deepEqual([...node.session.types.get(OTHER)!.acked.keys()].sort(), ['a', 'b', 'c', 'd']);
  assert.equal(node.session.converged, true);
});

test('one that was refused and is gone is refused no more', () => {
  const node = new Node();
  node.session.setSnapshot(only({ a: BAD, b: '1' }));
  node.request(OTHER, ['*']);
  assert.equal(node.session.stateOf(OTHER), 'NACKED');
  node.log.length = 0;
  node.take(node.session.setSnapshot(only({ b: '1' })));
  assert.deepEqual(node.log, ['-Workspace a']);
  assert.equal(node.session.converged, true);
});

test('property: each good one is in force however many bad ones came with it, after a few responses for each', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(199)), fc.integer({ min: 1, max: 200 }), (bad, size) => {
      const node = new Node();
      const bodies = Array.from({ length: size }, (_, i) => [`w${i}`, bad.includes(i) ? BAD : '1'] as const);
      node.session.setSnapshot(only(Object.fromEntries(bodies)));
      node.request(OTHER, ['*']);
      const isBad = ([, body]: readonly [string, string]) => body === BAD;
      const names = (of: readonly (readonly [string, string])[]) => of.map(([name]) => name).sort();
      assert.deepEqual([...node.held.get(OTHER)!.keys()].sort(), names(bodies.filter((b) => !isBad(b))));
      const { refused, acks, nacks } = node.session.types.get(OTHER)!;
      assert.deepEqual([...refused.keys()].sort(), names(bodies.filter(isBad)));
      const most = 1 + 3 * refused.size * Math.ceil(1 + Math.log2(size));
      assert.ok(acks + nacks <= most, `${acks} + ${nacks} responses for ${refused.size} bad of ${size}`);
    }),
  );
});

test('a bad cluster holds up the routes that need it, and none that do not', () => {
  for (const refusesWhole of [true, false]) {
    const node = new Node();
    node.refusesWhole = refusesWhole;
    const at = (body: string) =>
      snapshot({
        [ENVOY.cluster]: [cluster('a', body), cluster('b')],
        [ENVOY.endpoints]: [endpoints('a'), endpoints('b')],
        [ENVOY.route]: [route('r', ['a']), route('s', ['b'])],
      });
    node.session.setSnapshot(at(BAD));
    node.request(ENVOY.cluster, []);
    node.request(ENVOY.route, ['r', 's']);
    assert.deepEqual([...node.held.get(ENVOY.route)!.keys()], ['s']);
    node.take(node.session.setSnapshot(at('v2')));
    assert.deepEqual([...node.held.get(ENVOY.route)!.keys()].sort(), ['r', 's']);
    assert.equal(node.session.converged, true);
  }
});

test('endpoints that were refused and are wanted no more hold nothing up', () => {
  const node = new Node();
  const at = (clusters: string[], body = 'v1') =>
    snapshot({
      [ENVOY.cluster]: clusters.map((c) => cluster(c)),
      [ENVOY.endpoints]: clusters.map((c) => endpoints(c, c === 'a' ? body : 'v1')),
      [ENVOY.route]: [route('r', clusters)],
    });
  node.session.setSnapshot(at(['a', 'b']));
  node.request(ENVOY.cluster, []);
  node.request(ENVOY.route, ['r']);
  node.take(node.session.setSnapshot(at(['a', 'b'], BAD)));
  assert.equal(node.session.stateOf(ENVOY.endpoints), 'NACKED');
  node.log.length = 0;
  node.take(node.session.setSnapshot(at(['b'])));
  assert.deepEqual(node.log, ['+RouteConfiguration r', '-Cluster a']);
  assert.equal(node.session.converged, true);
});

test('a removal that was refused is tried again after the next change', () => {
  const session = new Session();
  session.setSnapshot(only({ a: '1', b: '1' }));
  const [first] = session.onRequest({ type_url: OTHER, resource_names_subscribe: ['*'] }).responses;
  session.onRequest({ type_url: OTHER, response_nonce: first!.nonce });
  const [removal] = session.setSnapshot(only({ b: '1' }));
  assert.deepEqual(removal?.removed_resources, ['a']);
  const refusal = { type_url: OTHER, response_nonce: removal!.nonce, error_detail: { message: 'no' } };
  assert.deepEqual(session.onRequest(refusal).responses, []);
  const [change] = session.setSnapshot(only({ b: '2' }));
  const [again] = session.onRequest({ type_url: OTHER, response_nonce: change!.nonce }).responses;
  assert.deepEqual(again?.removed_resources, ['a']);
  session.onRequest({ type_url: OTHER, response_nonce: again!.nonce });
  assert.equal(session.converged, true);
});

test('an inconsistent snapshot is refused', () => {
  const bad = snapshot({ [ENVOY.route]: [route('r', ['missing'])] });
  assert.throws(() => assertConsistent(bad), { code: 'snapshot_inconsistent' });
  assertConsistent(world(['a']));
});

test('property: over any sequence of snapshots a node never holds a route to a cluster that it lacks, and ends up equal', () => {
  const names = fc.subarray(['a', 'b', 'c', 'd', 'e'], { minLength: 1 });
  fc.assert(
    fc.property(fc.array(fc.tuple(names, fc.boolean()), { minLength: 1, maxLength: 20 }), (steps) => {
      const node = new Node();
      node.session.setSnapshot(world(['a']));
      node.start();
      for (const [i, [clusters, nack]] of steps.entries()) {
        node.nackRoutes = nack && i < steps.length - 1;
        node.take(node.session.setSnapshot(world(clusters, `v${i}`)));
        const routed = node.held.get(ENVOY.route)!.get('r')!;
        const known = steps
          .slice(0, i + 1)
          .map(([c], j) => world(c, `v${j}`))
          .concat(world(['a']));
        const inForce = known.find((w) => w.types.get(ENVOY.route)!.get('r')!.version === routed)!;
        for (const need of inForce.types.get(ENVOY.route)!.get('r')!.needs)
          assert.ok(node.held.get(ENVOY.cluster)!.has(need.name), `route in force needs ${need.name}`);
      }
      assert.deepEqual([...node.held.get(ENVOY.cluster)!.keys()].sort(), [...steps.at(-1)![0]].sort());
      assert.equal(node.session.converged, true);
    }),
  );
});

test('property: however late the answers come, a route is never taken before its clusters, nor after they have gone', () => {
  const names = fc.subarray(['a', 'b', 'c', 'd'], { minLength: 1 });
  const step = fc.record({ clusters: names, answers: fc.nat(6) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const node = new Node();
      node.slow = true;
      const needs = new Map<string, string[]>();
      const publish = (clusters: string[], body: string): void => {
        const next = world(clusters, body);
        needs.set(next.types.get(ENVOY.route)!.get('r')!.version, clusters);
        node.take(node.session.setSnapshot(next));
      };
      const answer = (): boolean => {
        const more = node.answer();
        const routed = node.held.get(ENVOY.route)?.get('r');
        const lacks = (needs.get(routed ?? '') ?? []).filter((c) => !node.held.get(ENVOY.cluster)!.has(c));
        assert.deepEqual(lacks, [], node.log.join(', '));
        return more;
      };
      publish(['a'], 'first');
      node.start();
      for (const [i, { clusters, answers }] of steps.entries()) {
        publish(clusters, `v${i}`);
        for (let n = 0; n < answers; n++) answer();
      }
      while (answer());
      assert.deepEqual([...node.held.get(ENVOY.cluster)!.keys()].sort(), steps.at(-1)!.clusters.toSorted());
      assert.equal(node.session.converged, true);
    }),
    { numRuns: 1_000 },
  );
});

/** What is wrong holds back nothing else of its type: clusters wait for nothing, endpoints for their cluster. */
function assertGoodIsInForce({ session, held }: Node, wanted: Snapshot, said: string): void {
  for (const type of [ENVOY.cluster, ENVOY.endpoints])
    for (const [name, { version, bytes }] of wanted.types.get(type)!) {
      const view = session.types.get(type)!;
      if ((!view.wildcard && !view.names.has(name)) || Buffer.from(bytes).toString().startsWith(BAD)) continue;
      assert.equal(held.get(type)?.get(name), version, `${type} ${name} is good and in force: ${said}`);
    }
}

function assertSyncedIsInForce({ session, held }: Node, wanted: Snapshot, said: string): void {
  for (const [type, view] of session.types) {
    if (session.stateOf(type) !== 'SYNCED') continue;
    for (const [name, { version }] of wanted.types.get(type)!) {
      if (!view.wildcard && !view.names.has(name)) continue;
      assert.equal(held.get(type)?.get(name), version, `${type} ${name} is in force when SYNCED: ${said}`);
      assert.equal(view.acked.get(name)?.version, version, `${type} ${name} counts when SYNCED: ${said}`);
    }
  }
}

test('property: whatever of clusters, endpoints and routes is refused, the rest of it is in force once all is good', () => {
  const all = ['a', 'b', 'c', 'd'];
  const some = fc.subarray(all);
  const step = fc.record({
    names: fc.subarray(all, { minLength: 1 }),
    /** Whose endpoints are new. */
    moved: some,
    badClusters: some,
    badEndpoints: some,
    badRoute: fc.boolean(),
  });
  const good = { badClusters: [] as string[], badEndpoints: [] as string[], badRoute: false };
  fc.assert(
    fc.property(fc.boolean(), fc.array(step, { minLength: 1, maxLength: 12 }), (refusesWhole, steps) => {
      const node = new Node();
      node.refusesWhole = refusesWhole;
      const versions = new Map(all.map((name) => [name, 1]));
      const at = ({ names, badClusters, badEndpoints, badRoute }: typeof good & { names: string[] }) =>
        snapshot({
          [ENVOY.cluster]: names.map((n) => cluster(n, badClusters.includes(n) ? BAD : 'v1')),
          [ENVOY.endpoints]: names.map((n) => endpoints(n, badEndpoints.includes(n) ? BAD : `v${versions.get(n)}`)),
          [ENVOY.route]: [route('r', names, badRoute ? BAD : 'v1')],
        });
      node.session.setSnapshot(at({ ...good, names: ['a', 'b'] }));
      node.request(ENVOY.cluster, []);
      node.request(ENVOY.route, ['r']);
      for (const s of steps.flatMap((s) => [s, { ...s, ...good }])) {
        for (const name of s.moved) versions.set(name, versions.get(name)! + 1);
        const wanted = at(s);
        node.log.length = 0;
        node.take(node.session.setSnapshot(wanted));
        const said = node.log.join(', ');
        assert.ok(node.log.length <= 40, `it does not end: ${said}`);
        assertSyncedIsInForce(node, wanted, said);
        assertGoodIsInForce(node, wanted, said);
        if (s.badClusters.length + s.badEndpoints.length > 0 || s.badRoute) continue;
        assert.equal(node.session.converged, true, said);
        assert.equal(node.held.get(ENVOY.route)?.get('r'), wanted.types.get(ENVOY.route)!.get('r')!.version);
        assert.deepEqual([...node.held.get(ENVOY.cluster)!.keys()].sort(), [...s.names].sort());
      }
    }),
    { numRuns: 300 },
  );
});
