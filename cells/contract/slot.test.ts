import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keyspaceId, SLOTS, slotOf, slotStart } from './slot.ts';

// Vitess's own vectors of the `xxhash` vindex (go/vt/vtgate/vindexes/xxhash_test.go).
const VITESS: [bigint, string][] = [
  [1n, 'd46405367612b4b7'],
  [2n, '8b59801662b52160'],
  [3n, 'a42c16f52a7c1626'],
  [4n, '896ba42c32143991'],
  [5n, 'ed48b60574b4816a'],
];

test('the keyspace id is that of Vitess', () => {
  for (const [id, hex] of VITESS) assert.equal(keyspaceId(id).toString(16).padStart(16, '0'), hex);
});

test('a slot is the first 14 bits of the keyspace id, and lies in its own key range', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }), (id) => {
      const slot = slotOf(id);
      assert.equal(slot, Number(keyspaceId(id) >> 50n));
      assert.ok(slotStart(slot) <= keyspaceId(id));
      assert.ok(slot === SLOTS - 1 || keyspaceId(id) < slotStart(slot + 1));
    }),
  );
});
