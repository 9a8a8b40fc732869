// Two practices over three Cells while persons, zones and control planes do what they like.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MINUTE, PracticeWorld, specOf } from './practice.test-support.ts';

const NAMES = ['cell-a', 'cell-b', 'cell-c'] as const;
const happening = fc.record({
  cell: fc.constantFrom(...NAMES),
  what: fc.constantFrom(
    'drain',
    'undrain',
    'pause',
    'gray',
    'degraded',
    'errors',
    'silent',
    'delete',
    'none',
    'none',
    'none',
  ),
  on: fc.boolean(),
  /** Decisions of each practice before time goes on: 0 is an operator that is away. */
  rounds: fc.nat({ max: 3 }),
  afterMs: fc.constantFrom(1, 1000, 5000, 30_000, 2 * MINUTE),
});

function happen(world: PracticeWorld, { cell: name, what, on }: { cell: string; what: string; on: boolean }): void {
  const cell = world.cell(name);
  const { targetWeight: _, initiator: __, reason: ___, ...rest } = cell.drain;
  if (what === 'drain') world.setDrain(name, { ...rest, targetWeight: 0, reason: 'by hand' });
  if (what === 'undrain') world.setDrain(name, rest);
  if (what === 'pause') world.setDrain(name, { ...cell.drain, paused: on });
  if (what === 'gray') cell.suspect = on;
  if (what === 'degraded') cell.degraded = on;
  if (what === 'errors') cell.errorRate = on ? 0.5 : 0;
  if (what === 'silent') cell.sockets = on ? undefined : 100;
  const input = world.inputs.get('one');
  if (what === 'delete' && on && input) world.inputs.set('one', { ...input, deleting: true });
}

const isOwn = (world: PracticeWorld, name: string): boolean => world.cell(name).drain.initiator === 'PracticeDrain';

/** Decides once, and holds the decision against the rules. */
function decideChecked(world: PracticeWorld, practice: string): void {
  const before = structuredClone(world.cells);
  const decision = world.decide(practice);
  if (decision?.kind !== 'cell') return;
  const was = before.find((c) => c.name === decision.name)!;
  const starts = was.drain.initiator !== 'PracticeDrain';
  if (!starts) return;
  assert.equal(was.drain.targetWeight, undefined, 'a drain of somebody else was touched');
  assert.ok(!before.some((c) => c.suspect || c.degraded || c.deleting), 'began in spite of trouble');
  assert.ok(
    before.every((c) => c.drain.targetWeight === undefined && c.phase === 'None'),
    'began beside another drain',
  );
  assert.ok(!before.some((c) => c !== was && (c.errorRate ?? 0) > 0.01), 'began while requests failed');
}

test('whatever happens: one at a time, nothing of a person is touched, all of its own is taken back, and it ends', () => {
  const often = { schedule: '*/5 * * * *', startingDeadlineMs: 10 * MINUTE, holdMs: MINUTE, stepPercent: 25 };
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 80 }), (happenings) => {
      const world = new PracticeWorld({
        one: specOf({ ...often, cells: ['cell-a', 'cell-b'] }),
        two: specOf({ ...often, cells: ['cell-c', 'cell-b'], targetWeight: 50 }),
      });
      for (const h of happenings) {
        happen(world, h);
        for (let i = 0; i < h.rounds; i++) for (const name of [...world.inputs.keys()]) decideChecked(world, name);
        world.pass(h.afterMs);
        assert.ok([...world.inputs.keys()].filter((n) => world.status(n).run).length <= 1, 'two practices at once');
        assert.ok(NAMES.filter((n) => isOwn(world, n)).length <= 1, 'two Cells drained for practice');
      }
      // From here on nobody interferes: what is under way ends within its own limits, and no new run begins.
      for (const [name, input] of world.inputs)
        world.inputs.set(name, { ...input, spec: { ...input.spec, schedule: undefined } });
      const limit = 3 * 30 * 60;
      world.run(
        () => NAMES.every((n) => !isOwn(world, n)) && [...world.inputs.keys()].every((n) => !world.status(n).run),
        limit,
      );
    }),
    { numRuns: 200 },
  );
});

test('left alone, any number of runs leaves the Cells as they were', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), fc.constantFrom(0, 30, 99), (runs, targetWeight) => {
      const world = new PracticeWorld({ weekly: specOf({ schedule: '*/10 * * * *', targetWeight, historyLimit: 10 }) });
      const before = structuredClone(world.cells).map(({ generation: _, ...c }) => c);
      world.run(() => (world.status().history?.length ?? 0) >= runs);
      assert.ok(world.status().history?.every((r) => r.outcome === 'Succeeded'));
      assert.deepEqual(
        world.cells.map(({ generation: _, ...c }) => c),
        before.map((c) => ({ ...c, drain: { ...c.drain, ...restoredFlags(world.cell(c.name).drain) } })),
      );
    }),
    { numRuns: 8 },
  );
});

/** Said explicitly afterwards, with the value that their absence has. */
function restoredFlags({ paused, force }: { paused?: boolean; force?: boolean }): object {
  assert.ok(!paused && !force);
  return { ...(paused === undefined ? {} : { paused }), ...(force === undefined ? {} : { force }) };
}
