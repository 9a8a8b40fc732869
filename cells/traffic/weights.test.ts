import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CellTraffic, splitWeights } from './weights.ts';

const cell = (name: string, weight: number, capacity = 1000, ready = true): CellTraffic => ({
  name,
  weight,
  capacity,
  ready,
});
const shares = (own: string, ...cells: CellTraffic[]): number[] => [...splitWeights(own, cells).values()];

test('a cell at full weight takes all of its zone', () => {
  assert.deepEqual(shares('a', cell('a', 100), cell('b', 100), cell('c', 100)), [100, 0, 0]);
});

test('what a drained cell gives up goes to the others by weight × capacity', () => {
  assert.deepEqual(shares('a', cell('a', 0), cell('b', 100, 3000), cell('c', 100, 1000)), [0, 75, 25]);
  assert.deepEqual(shares('a', cell('a', 60), cell('b', 100), cell('c', 100)), [60, 20, 20]);
});

test('a cell without a ready endpoint counts as zero, the own one too', () => {
  assert.deepEqual(shares('a', cell('a', 50), cell('b', 100, 1, false), cell('c', 1)), [50, 0, 50]);
  assert.deepEqual(shares('a', cell('a', 100, 1, false), cell('b', 100), cell('c', 0)), [0, 100, 0]);
});

test('what nobody else can take stays', () => {
  assert.deepEqual(shares('a', cell('a', 1), cell('b', 0), cell('c', 0)), [100, 0, 0]);
});

test('an edge of a cell that is not listed splits over the others', () => {
  assert.deepEqual(shares('x', cell('a', 100), cell('b', 100)), [50, 50]);
});

test('no taker at all is refused', () => {
  assert.throws(() => splitWeights('a', [cell('a', 0), cell('b', 100, 1, false)]), { code: 'weights_sum_to_zero' });
  assert.throws(() => splitWeights('a', []), { code: 'weights_sum_to_zero' });
});

const arbitraryCells = fc
  .array(
    fc.record({
      weight: fc.integer({ min: 0, max: 100 }),
      capacity: fc.integer({ min: 1, max: 1_000_000 }),
      ready: fc.boolean(),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((cells) => cells.map((c, i) => ({ ...c, name: `cell-${i}` })));
const split = (cells: CellTraffic[]): Map<string, number> | undefined => {
  try {
    return splitWeights('cell-0', cells);
  } catch {
    return undefined;
  }
};

test('property: whole, exact, and only to cells that take traffic', () => {
  fc.assert(
    fc.property(arbitraryCells, (cells) => {
      const result = split(cells);
      const takers = cells.filter((c) => c.ready && c.weight > 0);
      if (result === undefined) return assert.equal(takers.length, 0);
      let sum = 0;
      for (const [name, share] of result) {
        assert.ok(Number.isInteger(share) && share >= 0);
        if (share > 0) assert.ok(takers.some((c) => c.name === name));
        sum += share;
      }
      assert.equal(sum, 100);
    }),
  );
});

test('property: one step down of the own cell takes from no other; a larger claim never gets less', () => {
  fc.assert(
    fc.property(arbitraryCells, fc.integer({ min: 1, max: 50 }), fc.nat(7), (cells, by, index) => {
      const before = split(cells);
      const own = cells[0]!;
      const lower = split([{ ...own, weight: Math.max(0, own.weight - by) }, ...cells.slice(1)]);
      if (before && lower)
        for (const c of cells.slice(1)) assert.ok(lower.get(c.name)! >= before.get(c.name)!, 'drain step');
      const raised = cells[index % cells.length]!;
      const higher = split(cells.map((c) => (c === raised ? { ...c, capacity: c.capacity * 2 } : c)));
      if (before && higher) assert.ok(higher.get(raised.name)! >= before.get(raised.name)!, 'larger claim');
    }),
  );
});
