import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DeltaResponse } from '../contract/ads/messages.ts';
import { Session } from './session.ts';
import { assertConsistent, type Resource, resource, snapshot } from './snapshot.ts';
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
  readonly #queue: DeltaResponse[] = [];
  #busy = false;

  request(type: string, subscribe: string[], unsubscribe: string[] = [], initial?: Record<string, string>): void {
    this.take(
      this.session.onRequest({
        type_url: type,
        resource_names_subscribe: subscribe,
        resource_names_unsubscribe: unsubscribe,
        ...(initial ? { initial_resource_versions: initial } : {}),
      }).responses,
    );
  }
  take(responses: DeltaResponse[]): void {
    this.#queue.push(...responses);
    if (this.#busy) return;
    this.#busy = true;
    for (let r = this.#queue.shift(); r; r = this.#queue.shift()) this.#one(r);
    this.#busy = false;
  }
  #one(r: DeltaResponse): void {
    const held = this.held.get(r.type_url) ?? new Map<string, string>();
    this.held.set(r.type_url, held);
    const kind = r.type_url.slice(r.type_url.lastIndexOf('.') + 1);
    for (const x of r.resources) this.log.push(`+${kind} ${x.name}`);
    for (const x of r.removed_resources) this.log.push(`-${kind} ${x}`);
    const nack = this.nackRoutes && r.type_url === ENVOY.route;
    if (!nack) for (const x of r.resources) held.set(x.name, x.version);
    for (const x of r.removed_resources) held.delete(x);
    if (r.type_url === ENVOY.cluster) {
      const added = r.resources.map((x) => x.name);
      if (added.length + r.removed_resources.length > 0) this.request(ENVOY.endpoints, added, r.removed_resources);
    }
    const ack = { type_url: r.type_url, response_nonce: r.nonce };
    this.take(this.session.onRequest(nack ? { ...ack, error_detail: { message: 'no such thing' } } : ack).responses);
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
  assert.equal(node.session.types.get(ENVOY.route)?.lastError, 'no such thing');
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
