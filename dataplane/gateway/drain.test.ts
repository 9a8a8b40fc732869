import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { DrainOrder } from '../../cells/contract/control.ts';
import { keepTarget, onOrder, orderFor, shedNow } from './drain.ts';

const order = (over: Partial<DrainOrder> = {}): DrainOrder => ({
  cell: 'cell-a',
  generation: 1,
  draining: true,
  keepPercent: 50,
  spreadMs: 1_000,
  reason: 'test',
  gateways: [],
  ...over,
});

describe('drain', () => {
  it('keeps the baseline of the drain for all of its orders, and forgets it afterwards', () => {
    const first = onOrder(undefined, order({ keepPercent: 90 }), { sockets: 1_000, ms: 0 });
    const second = onOrder(first, order({ generation: 2, keepPercent: 80 }), { sockets: 900, ms: 2_000 });
    assert.equal(keepTarget(second!), 800);
    assert.equal(onOrder(second, order({ generation: 1, keepPercent: 0 }), { sockets: 900, ms: 2_100 }), second);
    const ended = onOrder(second, order({ generation: 3, draining: false }), { sockets: 800, ms: 4_000 });
    assert.equal(ended, undefined);
    assert.equal(onOrder(ended, order({ generation: 4, keepPercent: 50 }), { sockets: 600, ms: 5_000 })?.baseline, 600);
  });

  it('sheds evenly, never below the target, and reaches it in time whoever comes meanwhile', () => {
    fc.assert(
      fc.property(
        fc.nat(5_000),
        fc.nat(100),
        fc.nat(5_000),
        fc.array(fc.record({ ms: fc.integer({ min: 1, max: 500 }), arrivals: fc.nat(20) }), { maxLength: 40 }),
        (baseline, keepPercent, spreadMs, ticks) => {
          const state = onOrder(undefined, order({ keepPercent, spreadMs }), { sockets: baseline, ms: 0 })!;
          const target = keepTarget(state);
          let sockets = baseline;
          let ms = 0;
          for (const tick of [...ticks, { ms: spreadMs + 1, arrivals: 0 }]) {
            ms += tick.ms;
            sockets += tick.arrivals;
            const shed = shedNow(state, { sockets, ms });
            assert.ok(shed >= 0 && sockets - shed >= Math.min(sockets, target));
            sockets -= shed;
          }
          assert.ok(sockets <= target);
          if (keepPercent === 0) assert.equal(sockets, 0);
        },
      ),
    );
  });

  it('sheds everything when this gateway is drained alone, and nothing when another is', () => {
    const calm = order({ draining: false, keepPercent: 100, gateways: ['gateway-1'] });
    const shed = (pod: string, generation = 1): number | undefined => {
      const state = onOrder(undefined, orderFor({ ...calm, generation }, pod), { sockets: 1_000, ms: 0 });
      return state && shedNow(state, { sockets: 1_000, ms: 60_000 });
    };
    assert.deepEqual([shed('gateway-1'), shed('gateway-2')], [1_000, undefined]);
    const alone = onOrder(undefined, orderFor(calm, 'gateway-1'), { sockets: 1_000, ms: 0 });
    const back = orderFor({ ...calm, generation: 2, gateways: [] }, 'gateway-1');
    assert.equal(onOrder(alone, back, { sockets: 10, ms: 1_000 }), undefined, 'until the order leaves it out');
  });

  it('sheds no more than the time that has passed allows', () => {
    const state = onOrder(undefined, order({ keepPercent: 0, spreadMs: 1_000 }), { sockets: 100, ms: 0 })!;
    assert.deepEqual(
      [0, 250, 500, 1_000].map((ms) => shedNow(state, { sockets: 100, ms })),
      [0, 25, 50, 100],
    );
  });
});
