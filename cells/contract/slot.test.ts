import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import xxhash from 'xxhash-wasm';
import { formatId, type IdKind } from './ids.ts';
import { keyspaceId, SLOTS, slotOf, slotStart } from './slot.ts';

// Vitess's own vectors of the `xxhash` vindex (go/vt/vtgate/vindexes/xxhash_test.go).
const VITESS: [bigint, string][] = [
  [1n, 'd46405367612b4b7'],
  [2n, '8b59801662b52160'],
  [3n, 'a42c16f52a7c1626'],
  [4n, '896ba42c32143991'],
  [5n, 'ed48b60574b4816a'],
];
const { h64 } = await xxhash();
const MAX_ID = (1n << 63n) - 1n;
/** Of every number of digits alike: a number chosen evenly nearly always has 19. */
const number = fc.integer({ min: 0, max: 63 }).chain((bits) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }));

test('the keyspace id is that of Vitess', () => {
  for (const [id, hex] of VITESS) assert.equal(keyspaceId(id).toString(16).padStart(16, '0'), hex);
});

test('the keyspace id holds the bytes of XXH64 over the decimal text', () => {
  const isOracles = (id: bigint): void => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(h64(id.toString()));
    assert.equal(keyspaceId(id), bytes.readBigUInt64BE(), id.toString());
  };
  for (let digits = 1n; digits <= 19n; digits++)
    for (const id of [10n ** (digits - 1n), 10n ** digits - 1n]) isOracles(id > MAX_ID ? MAX_ID : id);
  fc.assert(fc.property(number, isOracles), { numRuns: 2_000 });
});

test('a slot is the first 14 bits of the keyspace id, and lies in its own key range', () => {
  const kind = fc.constantFrom<IdKind>('T', 'U', 'C', 'D', 'G', 'F');
  fc.assert(
    fc.property(kind, number, (k, id) => {
      const slot = slotOf(formatId(k, id));
      assert.equal(slot, Number(keyspaceId(id) >> 50n));
      assert.ok(slotStart(slot) <= keyspaceId(id));
      assert.ok(slot === SLOTS - 1 || keyspaceId(id) < slotStart(slot + 1));
    }),
    { numRuns: 2_000 },
  );
});

test('what is no id has no slot', () => {
  for (const text of ['', 'C', 'C12-3', 'c12a', 'C12345678901234', 'U١', 'C{'])
    assert.throws(() => slotOf(text), TypeError, text);
});
