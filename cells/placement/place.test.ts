import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keyspaceId } from '../contract/slot.ts';
import { mintPlaced, shardContains } from './place.ts';

test('shards are ranges of keyspace ids, closed below and open above', () => {
  assert.equal(shardContains('-80', 0n), true);
  assert.equal(shardContains('-80', 0x8000_0000_0000_0000n), false);
  assert.equal(shardContains('80-', 0x8000_0000_0000_0000n), true);
  assert.equal(shardContains('40-80', 0x4000_0000_0000_0000n), true);
  assert.equal(shardContains('c0-', 0xbfff_ffff_ffff_ffffn), false);
  for (const all of ['0', '-']) assert.equal(shardContains(all, 0xffff_ffff_ffff_ffffn), true);
  assert.throws(() => shardContains('eighty', 1n), { code: 'invalid_arguments' });
});

test('property: an id lies in exactly one shard of a keyspace', () => {
  const shards = ['-40', '40-80', '80-c0', 'c0-'];
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: (1n << 63n) - 1n }), (id) => {
      assert.equal(shards.filter((s) => shardContains(s, keyspaceId(id))).length, 1);
    }),
  );
});

test('minting finds an id in the shard', () => {
  let n = 7n << 22n;
  const next = (): bigint => n++;
  for (const shard of ['-80', '80-', '40-41']) assert.ok(shardContains(shard, keyspaceId(mintPlaced(next, shard))));
  const first = n;
  assert.equal(mintPlaced(next, 'auto'), first);
});
