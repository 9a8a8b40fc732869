import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideDrain } from './decide.ts';
import { conditionOf, input, reasons, room, STEP_MS, status, T0 } from './input.test-support.ts';
import type { DrainDecision, DrainInput } from './model.ts';

/** Lets the state machine run alone, `ms` at a time, as the controller would. */
function runUntil(
  start: DrainInput,
  done: (d: DrainDecision) => boolean,
  limit = 1000,
): { steps: number[]; last: DrainDecision; ms: number } {
  let current = start;
  let nowMs = T0;
  const steps: number[] = [];
  for (let i = 0; i < limit; i++) {
    const decision = decideDrain(current, nowMs);
    if (decision.weight !== current.status.weight) steps.push(decision.weight);
    if (done(decision)) return { steps, last: decision, ms: nowMs - T0 };
    nowMs += Math.max(1, decision.retryMs ?? 60_000);
    current = { ...current, status: status(decision) };
  }
  throw new Error(`not done; weights ${steps.join(' ')}`);
}

test('a new Cell takes its normal weight at once', () => {
  const d = decideDrain(input({ status: {}, intent: { targetWeight: undefined } }), T0);
  assert.equal(d.weight, 100);
  assert.equal(d.drain.phase, 'None');
});

test('a drain goes 1 % a step, records where it came from, and waits for sockets and slots at 0', () => {
  const { steps, last, ms } = runUntil(input(), (d) => d.weight === 0);
  assert.deepEqual(
    steps,
    Array.from({ length: 100 }, (_, i) => 99 - i),
  );
  assert.equal(ms, 99 * STEP_MS);
  assert.equal(last.drain.fromWeight, 100);
  assert.equal(last.drain.startedAt, new Date(T0).toISOString());
  const waiting = decideDrain(input({ status: status(last), live: { sockets: 3, slots: 0, errorRate: 0 } }), T0 + 1e6);
  assert.equal(waiting.drain.phase, 'Draining');
  assert.match(waiting.drain.blocker ?? '', /sockets still have to leave/);
  const done = decideDrain(input({ status: status(waiting), live: { sockets: 0, slots: 0, errorRate: 0 } }), T0 + 2e6);
  assert.equal(done.drain.phase, 'Drained');
  assert.equal(conditionOf(done, 'Drained')?.status, 'True');
  assert.equal(done.drain.blocker, undefined);
  assert.deepEqual(
    done.events.map((e) => e.reason),
    ['Drained'],
  );
  const again = decideDrain(input({ status: status(done), live: { sockets: 0, slots: 0, errorRate: 0 } }), T0 + 3e6);
  assert.deepEqual([again.drain, again.events], [done.drain, []]);
});

test('an undrain starts at 1 % and ends at the normal weight', () => {
  const drained = { weight: 0, drain: { phase: 'Drained' as const, fromWeight: 100 } };
  const { steps, last } = runUntil(
    input({ status: drained, intent: { targetWeight: undefined, stepPercent: 10 } }),
    (d) => d.weight === 100,
  );
  assert.deepEqual(steps, [1, 11, 21, 31, 41, 51, 61, 71, 81, 91, 100]);
  assert.equal(last.drain.phase, 'Undraining');
  const done = decideDrain(input({ status: status(last), intent: { targetWeight: undefined } }), T0 + 1e6);
  assert.equal(done.drain.phase, 'None');
  assert.deepEqual(
    done.events.map((e) => e.reason),
    ['Undrained'],
  );
});

test('a step does not come before its interval, also after a restart and a clock that went back', () => {
  const first = decideDrain(input(), T0);
  assert.equal(first.weight, 99);
  const early = decideDrain(input({ status: status(first) }), T0 + 500);
  assert.deepEqual([early.weight, early.retryMs], [99, 1500]);
  const back = decideDrain(input({ status: status(first) }), T0 - 3_600_000);
  assert.deepEqual([back.weight, back.retryMs], [99, STEP_MS]);
});

test('no room blocks with the numbers, and room lets it go on from where it was', () => {
  const full = input({ others: [room('cell-a', { sockets: 4900 }), room('cell-c', { ready: false })] });
  const d = decideDrain(full, T0);
  assert.equal(d.weight, 100);
  assert.equal(d.drain.phase, 'Blocked');
  const blocked = conditionOf(d, 'CapacityBlocked');
  assert.deepEqual([blocked?.status, blocked?.reason], ['True', 'NoRoom']);
  assert.match(blocked?.message ?? '', /room for 100 sockets, and about 1000 are to move/);
  const freed = decideDrain(input({ status: status(d) }), T0 + STEP_MS);
  assert.deepEqual([freed.weight, freed.drain.phase, freed.drain.fromWeight], [99, 'Draining', 100]);
  assert.equal(decideDrain({ ...full, intent: { ...full.intent, force: true } }, T0).weight, 99);
});

test('a cell that itself takes no traffic, or whose sockets nobody knows, is no room', () => {
  for (const other of [room('cell-a', { weight: 0 }), room('cell-a', { sockets: undefined })]) {
    const d = decideDrain(input({ others: [other, room('cell-c', { ready: false })] }), T0);
    assert.equal(conditionOf(d, 'CapacityBlocked')?.reason, 'NoRoom');
  }
});

test('a cell at part of its weight, or on its way there, is that part of its room', () => {
  const blocked = (...others: ReturnType<typeof room>[]) =>
    conditionOf(decideDrain(input({ live: { sockets: 2000, slots: 1, errorRate: 0 }, others }), T0), 'CapacityBlocked')
      ?.reason;
  assert.equal(blocked(room('cell-a')), 'RoomEnough');
  assert.equal(blocked(room('cell-a', { weight: 40 })), 'NoRoom', 'at 40 %: room for 1,900');
  assert.equal(blocked(room('cell-a', { weight: 43 })), 'RoomEnough');
  assert.equal(blocked(room('cell-a', { targetWeight: 40 })), 'NoRoom', 'on its way to 40 %');
  assert.equal(blocked(room('cell-a', { weight: 50, normalWeight: 50, targetWeight: 50 })), 'RoomEnough');
});

test('of two drains at once the later has the room that the earlier leaves', () => {
  const since = new Date(T0 - STEP_MS).toISOString();
  const draining = { targetWeight: 0, drainingSince: since };
  const other = room('cell-a', { weight: 60, sockets: 3000, ...draining });
  const first = input({ live: { sockets: 2000, slots: 1, errorRate: 0 }, others: [other, room('cell-c')] });
  const later = decideDrain(first, T0);
  assert.equal(conditionOf(later, 'CapacityBlocked')?.reason, 'NoRoom');
  assert.match(later.drain.blocker ?? '', /room for 1900 sockets, beside what cell-a drains, and about 2000 are/);
  const began = (startedAt: string) =>
    decideDrain({ ...first, status: { weight: 90, drain: { phase: 'Draining', fromWeight: 100, startedAt } } }, T0);
  assert.equal(conditionOf(began(new Date(T0 - 9 * STEP_MS).toISOString()), 'CapacityBlocked')?.reason, 'RoomEnough');
  assert.equal(conditionOf(began(new Date(T0 - 1).toISOString()), 'CapacityBlocked')?.reason, 'NoRoom');
  assert.equal(conditionOf(began(since), 'CapacityBlocked')?.reason, 'NoRoom', 'at the same time: by name');
});

test('two cells of three that drain at once never put more onto the third than it holds', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 3, maxLength: 3 }),
      fc.integer({ min: 0, max: 50 }),
      (sockets, lead) => {
        const names = ['cell-a', 'cell-b', 'cell-c'];
        let states: DrainInput['status'][] = names.map(() => ({ weight: 100, drain: { phase: 'None' } }));
        const held = [...sockets];
        let most = 5000;
        for (let step = 0; step < 260; step++) {
          // Until then the second counted as room, and what it could have taken may have gone to the third.
          if (step === lead) most = Math.max(most, held[2]!);
          for (const i of [0, 1]) {
            if (i === 1 && step < lead) continue;
            const others = names.flatMap((name, j) => {
              if (j === i) return [];
              const { weight = 100, drain } = states[j]!;
              const drainingSince = drain?.phase === 'Draining' ? drain.startedAt : undefined;
              const targetWeight = j === 2 || (j === 1 && step < lead) ? 100 : 0;
              return [room(name, { weight, targetWeight, drainingSince, sockets: held[j] })];
            });
            const live = { sockets: held[i]!, slots: 0, errorRate: 0 };
            const d = decideDrain(input({ name: names[i]!, status: states[i]!, live, others }), T0 + step * STEP_MS);
            const [was, is] = [states[i]!.weight!, d.weight];
            states = states.with(i, status(d));
            // What leaves goes where the weights send it: all of it to the last one, at the worst.
            const gone = is < was ? Math.floor((held[i]! * (was - is)) / was) : 0;
            held[i]! -= gone;
            held[2]! += gone;
          }
        }
        assert.ok(held[2]! <= most, `${sockets} became ${held}`);
      },
    ),
  );
});

test('without live figures nothing moves, unless forced', () => {
  assert.equal(conditionOf(decideDrain(input({ live: undefined }), T0), 'CapacityBlocked')?.reason, 'FiguresUnknown');
  assert.equal(decideDrain(input({ live: undefined, intent: { force: true } }), T0).weight, 99);
});

test('the last cell that takes traffic never goes to 0, forced or not', () => {
  const last = input({
    status: { weight: 1, drain: { phase: 'Draining', fromWeight: 100 } },
    others: [room('cell-a', { weight: 0 })],
    intent: { force: true },
  });
  const d = decideDrain(last, T0);
  assert.deepEqual([d.weight, conditionOf(d, 'CapacityBlocked')?.reason], [1, 'LastCell']);
});

test('errors over the budget where the traffic goes take the last step back; those of the cell that is left do not', () => {
  const half = {
    weight: 50,
    drain: {
      phase: 'Draining' as const,
      fromWeight: 100,
      startedAt: new Date(T0 - STEP_MS).toISOString(),
      lastStepAt: new Date(T0 - STEP_MS).toISOString(),
    },
  };
  const others = [room('cell-a', { errorRate: 0.2 }), room('cell-c')];
  const d = decideDrain(input({ status: half, others }), T0);
  assert.deepEqual([d.weight, d.drain.phase], [51, 'Blocked']);
  assert.equal(d.events[0]?.reason, 'ErrorBudget');
  assert.equal(decideDrain(input({ status: status(d), others }), T0 + 100).weight, 51);
  const own = { sockets: 10, slots: 10, errorRate: 0.2 };
  assert.equal(decideDrain(input({ status: half, live: own }), T0).weight, 49);
  assert.equal(decideDrain(input({ status: half, others, suspect: true }), T0).weight, 49);
  const past = decideDrain(input({ status: half, others, intent: { force: true } }), T0);
  assert.deepEqual([past.weight, past.drain.forced?.past], [49, 'ErrorBudget']);
});

test('where a replica is missing and nobody else tells of failures no step is taken, nor one back', () => {
  const half = {
    weight: 50,
    drain: { phase: 'Draining' as const, fromWeight: 100, startedAt: new Date(T0 - STEP_MS).toISOString() },
  };
  const others = [room('cell-a', { errorRate: undefined, unseen: true }), room('cell-c')];
  const held = decideDrain(input({ status: half, others }), T0);
  assert.deepEqual([held.weight, held.drain.phase, held.events[0]?.reason], [50, 'Blocked', 'FiguresUnknown']);
  assert.match(held.drain.blocker ?? '', /how many requests to cell-a, which takes over, fail/);
  assert.equal(decideDrain(input({ status: half, others, suspect: true }), T0).weight, 49);
  assert.equal(decideDrain(input({ status: half, others, intent: { force: true } }), T0).weight, 49);
  const back = { weight: 50, drain: { phase: 'Undraining' as const, startedAt: new Date(T0 - STEP_MS).toISOString() } };
  const live = { sockets: 10, slots: 10, errorRate: undefined, unseen: true };
  assert.equal(decideDrain(input({ status: back, live, intent: { targetWeight: undefined } }), T0).weight, 50);
});

test('a partial drain rests at its target without emptying the cell', () => {
  const { last } = runUntil(input({ intent: { targetWeight: 40, stepPercent: 30 } }), (d) => d.weight === 40);
  const done = decideDrain(input({ status: status(last), intent: { targetWeight: 40 } }), T0 + 1e6);
  assert.deepEqual(
    [done.drain.phase, conditionOf(done, 'Draining')?.reason, done.retryMs],
    ['None', 'TargetReached', undefined],
  );
});

test('a Cell that is deleted drains, and an unready one is not undrained', () => {
  assert.equal(decideDrain(input({ deleting: true, intent: { targetWeight: undefined } }), T0).weight, 99);
  const d = decideDrain(
    input({ ready: false, status: { weight: 0, drain: { phase: 'Drained' } }, intent: { targetWeight: undefined } }),
    T0,
  );
  assert.deepEqual([d.weight, d.drain.phase, conditionOf(d, 'Draining')?.reason], [0, 'Blocked', 'NotReady']);
});

test('sockets that come back to a drained cell reopen the same drain', () => {
  const drained = {
    weight: 0,
    drain: {
      phase: 'Drained' as const,
      fromWeight: 80,
      startedAt: new Date(T0).toISOString(),
      finishedAt: new Date(T0).toISOString(),
    },
  };
  const d = decideDrain(input({ status: drained, live: { sockets: 1, slots: 0, errorRate: 0 } }), T0 + 5);
  assert.deepEqual([d.drain.phase, d.drain.fromWeight, d.drain.finishedAt], ['Draining', 80, undefined]);
  assert.deepEqual(reasons(d), ['DrainReopened']);
  const silent = decideDrain(input({ status: drained, live: undefined }), T0 + 5);
  assert.equal(silent.drain.phase, 'Drained');
});

// Three cells under any sequence of orders, failures and times.
const order = fc.record({
  cell: fc.nat({ max: 2 }),
  targetWeight: fc.constantFrom(0, 0, 0, 50, 100, undefined),
  stepPercent: fc.integer({ min: 1, max: 30 }),
  force: fc.boolean(),
  paused: fc.boolean(),
  sockets: fc.option(fc.nat({ max: 6000 }), { nil: undefined }),
  errorRate: fc.constantFrom(undefined, 0, 0.5),
  ready: fc.boolean(),
  afterMs: fc.integer({ min: -5000, max: 5000 }),
});

test('any orders: one step an interval, never all at zero, and the status alone carries on', () => {
  fc.assert(
    fc.property(fc.array(order, { maxLength: 120 }), fc.integer({ min: 1, max: 100 }), (orders, weight) => {
      const names = ['cell-a', 'cell-b', 'cell-c'];
      const inputs = names.map((name) =>
        input({ name, status: { weight, drain: { phase: 'None' } }, intent: { targetWeight: undefined } }),
      );
      const lastStep = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
      let nowMs = T0;
      for (const o of orders) {
        nowMs += o.afterMs;
        const before = inputs[o.cell]!;
        const live = o.sockets === undefined ? undefined : { sockets: o.sockets, slots: 0, errorRate: o.errorRate };
        const others = inputs
          .filter((i) => i !== before)
          .map((i) => room(i.name, { weight: i.status.weight ?? 0, ready: i.ready, sockets: i.live?.sockets }));
        const { targetWeight, stepPercent, force, paused } = o;
        const next: DrainInput = {
          ...before,
          ready: o.ready,
          live,
          others,
          intent: { ...before.intent, targetWeight, stepPercent, force, paused },
        };
        const d = decideDrain(JSON.parse(JSON.stringify(next)) as DrainInput, nowMs); // what survives a restart
        const delta = Math.abs(d.weight - (before.status.weight ?? 0));
        assert.ok(delta <= stepPercent, `moved by ${delta}, allowed ${stepPercent}`);
        assert.ok(delta === 0 || !paused, 'moved while paused');
        const { blocker, blockedSince, deadline } = d.drain;
        assert.equal(blocker === undefined, blockedSince === undefined, 'a wait without its beginning');
        const underWay = d.drain.phase !== 'None' && d.drain.phase !== 'Drained';
        assert.equal(deadline !== undefined, underWay, 'a drain without a deadline');
        if (delta > 0 && nowMs >= lastStep[o.cell]!) {
          assert.ok(nowMs - lastStep[o.cell]! >= STEP_MS, 'a step before its interval');
        }
        if (delta > 0) lastStep[o.cell] = nowMs;
        inputs[o.cell] = { ...next, status: status(d) };
        const sum = inputs.reduce((s, i) => s + (i.status.weight ?? 0), 0);
        assert.ok(sum > 0, 'the weights sum to zero');
        assert.ok(d.weight >= 0 && d.weight <= 100);
      }
    }),
    { numRuns: 500 },
  );
});

test('from any state, with room and no errors, the target is reached', () => {
  const phase = fc.constantFrom('None', 'Draining', 'Drained', 'Undraining', 'Blocked');
  fc.assert(
    fc.property(
      fc.nat({ max: 100 }),
      phase,
      fc.nat({ max: 100 }),
      fc.integer({ min: 1, max: 40 }),
      (weight, p, target, stepPercent) => {
        const start = input({
          status: { weight, drain: { phase: p as 'None', ...(weight % 2 ? { fromWeight: 100 } : {}) } },
          live: { sockets: 0, slots: 0, errorRate: 0 },
          intent: { targetWeight: target, stepPercent },
        });
        const end = target === 0 ? 'Drained' : 'None';
        runUntil(start, (d) => d.weight === target && d.drain.phase === end);
      },
    ),
  );
});
