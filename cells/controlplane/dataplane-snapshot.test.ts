import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Cell } from '../../crds/index.ts';
import { decodeDrainOrder, decodeSlotRange, TYPE_URLS } from '../contract/ads/resources.ts';
import { emptyTable, NONE, nextTable, type RingTable } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';
import { DataplaneSnapshots } from './dataplane-snapshot.ts';

const member = (n: number) => ({
  ...{ incarnation: `u${n}/1`, pod: `p${n}`, cell: 'a', zone: `z${n}`, address: `127.0.0.${n}:7`, weight: 1 },
});
function first(): RingTable {
  const table = nextTable(emptyTable('d/r'));
  table.owner.fill(0);
  table.standby.fill(1);
  table.slotEpoch.fill(table.epoch);
  return { ...table, members: [member(0), member(1)] };
}
/** Slot 300 changes hands. */
function moved(table: RingTable): RingTable {
  const next = nextTable(table);
  next.owner[300] = 1;
  next.standby[300] = 0;
  next.slotEpoch[300] = next.epoch;
  return next;
}
const cell = (resourceVersion: string, weight: number): Cell => ({
  ...{ apiVersion: 'chatcells.dev/v1alpha1', kind: 'Cell', spec: { region: 'r', zone: 'z' }, status: { weight } },
  metadata: { name: 'a', namespace: 'd', uid: 'u', resourceVersion, generation: 1, creationTimestamp: '' },
});
const build = (snapshots: DataplaneSnapshots, table: RingTable, c: Cell) =>
  snapshots.build({ cells: [c], workspaces: [], tables: [table] });

test('a replica that has seen every change and one that starts now have the same versions', () => {
  const old = new DataplaneSnapshots();
  build(old, first(), cell('5', 100));
  const seen = build(old, moved(first()), cell('9', 100));
  const fresh = build(new DataplaneSnapshots(), moved(first()), cell('9', 100));
  assert.equal(seen.version, fresh.version);
  const epochs = (s: typeof seen): number[] =>
    [...s.types.get(TYPE_URLS.slotRange)!.values()].map((r) => decodeSlotRange(r.bytes).epoch);
  assert.notDeepEqual(epochs(seen), epochs(fresh), 'although each knows another epoch for what has not changed');
  const generation = (s: typeof seen): number =>
    decodeDrainOrder(s.types.get(TYPE_URLS.drainOrder)!.get('a')!.bytes).generation;
  assert.deepEqual([generation(seen), generation(fresh)], [5, 9]);
});

test('a slot that changes hands changes the version of its range alone', () => {
  const snapshots = new DataplaneSnapshots();
  const [one, two] = [first(), moved(first())];
  const versions = [one, two].map((table) => build(snapshots, table, cell('5', 100)).types.get(TYPE_URLS.slotRange)!);
  const changed = [...versions[0]!.keys()].filter((n) => versions[0]!.get(n)!.version !== versions[1]!.get(n)!.version);
  assert.deepEqual(changed, ['d/r/1']);
});

test('whatever changed in a table, a replica that has seen the one before routes as one that starts now', () => {
  const place = fc.record({ slot: fc.nat(SLOTS - 1), to: fc.constantFrom(0, 1, NONE) });
  const edit = fc.oneof(
    ...(['owner', 'standby', 'target', 'slotEpoch'] as const).map((column) => place.map((at) => ({ column, ...at }))),
    fc.record({ replaced: fc.nat(1), by: fc.integer({ min: 2, max: 4 }) }),
  );
  const property = fc.property(fc.array(fc.array(edit, { maxLength: 4 }), { maxLength: 4 }), (commits) => {
    const old = new DataplaneSnapshots();
    let table = first();
    build(old, table, cell('5', 100));
    for (const edits of commits) {
      const next = nextTable(table);
      const members = [...next.members];
      for (const e of edits) {
        if ('column' in e) next[e.column][e.slot] = e.to;
        else members[e.replaced] = member(e.by);
      }
      table = { ...next, members };
      const fresh = build(new DataplaneSnapshots(), table, cell('5', 100));
      assert.equal(build(old, table, cell('5', 100)).version, fresh.version);
    }
  });
  fc.assert(property, { numRuns: 50 });
});
