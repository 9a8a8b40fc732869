import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../contract/errors.ts';
import { assertConsistent, type Resource, resource, resources, snapshot, snapshotOf, withType } from './snapshot.ts';

const of = (name: string, body: string): Resource => resource(name, Buffer.from(body));

test('resources that are as they were are the same map, however they are listed', () => {
  const first = resources([of('a', '1'), of('b', '1')]);
  assert.equal(resources([of('b', '1'), of('a', '1')], first), first);
  for (const other of [[of('a', '1')], [of('a', '1'), of('b', '2')], [of('a', '1'), of('c', '1')]])
    assert.notEqual(resources(other, first), first);
  assert.deepEqual([...resources([of('b', '1'), of('a', '1')]).keys()], ['a', 'b']);
});

test('a snapshot’s version is of its content, whoever made the maps and in whatever order', () => {
  const [x, y] = [[of('a', '1')], [of('b', '1')]];
  const one = snapshot({ x, y });
  assert.equal(snapshot({ y, x }).version, one.version);
  assert.equal(snapshotOf({ x: new Map([['a', x[0]!]]), y: resources(y) }).version, one.version);
  assert.notEqual(snapshot({ x: y, y: x }).version, one.version);
  assert.notEqual(snapshot({ x, y: [of('b', '2')] }).version, one.version);
});

test('a type added for one node hides nothing, and counts in the version', () => {
  const shared = snapshot({ x: [of('a', '1')] });
  const own = resources([of('l', '1')]);
  const node = withType(shared, 'listener', own);
  assert.equal(node.types.get('listener'), own);
  assert.equal(node.types.get('x'), shared.types.get('x'));
  assert.equal(node.types.get('y'), undefined);
  assert.notEqual(node.version, withType(shared, 'listener', resources([of('l', '2')])).version);
});

test('what needs a resource that is not there is refused by both names', () => {
  const broken = snapshot({ x: [resource('a', Buffer.from(''), [{ type: 'y', name: 'b' }])], y: [] });
  assert.throws(
    () => assertConsistent(broken),
    (err) => hasCode(err, 'snapshot_inconsistent') && /x a\b.*y b\b/.test((err as Error).message),
  );
});
