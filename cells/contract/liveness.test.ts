import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Beat, Liveness, type Verdict } from './liveness.ts';

const policy = { heartbeatMs: 500, missed: 4 };

/** Drives an observer over members that beat at every poll unless told otherwise. */
class Rig {
  now = 1_000;
  readonly liveness = new Liveness(policy);
  readonly counters = new Map<string, number>();

  constructor(...members: string[]) {
    for (const m of members) this.counters.set(m, 1);
    this.poll();
  }
  beats(): Beat[] {
    return [...this.counters].map(([incarnation, counter]) => ({ incarnation, counter }));
  }
  poll(silent: string[] = [], gapMs = 500, delayMs = 0, { times = 1, storeWell = true } = {}): Verdict {
    this.now += gapMs;
    for (const [m, c] of this.counters) if (!silent.includes(m)) this.counters.set(m, c + times);
    return this.liveness.observe(this.beats(), this.now, delayMs, storeWell);
  }
  fail(): Verdict {
    this.now += 500;
    return this.liveness.observeFailure(this.now);
  }
  rounds(n: number, silent: string[]): Verdict {
    let verdict = this.poll(silent);
    for (let i = 1; i < n; i++) verdict = this.poll(silent);
    return verdict;
  }
}

test('a member is dead after `missed` heartbeats without a beat, not before', () => {
  const rig = new Rig('a', 'b', 'c');
  assert.deepEqual([...rig.rounds(3, ['a']).dead], []);
  assert.deepEqual([...rig.poll(['a']).dead], ['a']);
  assert.deepEqual([...rig.poll(['a']).dead], ['a'], 'stays dead');
  assert.deepEqual([...rig.poll().dead], [], 'a beat revives it');
});

test('of two members one may die', () => {
  assert.deepEqual([...new Rig('a', 'b').rounds(4, ['a']).dead], ['a']);
});

test('when over half go silent together it is the store', () => {
  const rig = new Rig('a', 'b', 'c');
  const verdict = rig.rounds(10, ['a', 'b']);
  assert.equal(verdict.dead.size, 0);
  assert.equal(verdict.withheld, 'store');
});

test('one dead member after another is no store failure', () => {
  const rig = new Rig('a', 'b', 'c');
  assert.deepEqual([...rig.rounds(4, ['a']).dead], ['a']);
  assert.deepEqual([...rig.rounds(4, ['a', 'b']).dead].sort(), ['a', 'b']);
});

test('stragglers after a store outage get their full time again', () => {
  const rig = new Rig('a', 'b', 'c', 'd');
  assert.equal(rig.rounds(8, ['a', 'b', 'c', 'd']).dead.size, 0);
  assert.equal(rig.rounds(3, ['a']).dead.size, 0, 'three are back, a not yet');
  assert.deepEqual([...rig.rounds(3, ['a']).dead], ['a']);
});

test('over half silent for long while others beat are dead after all', () => {
  const rig = new Rig('a', 'b', 'c');
  assert.deepEqual([...rig.rounds(30, ['a', 'b']).dead].sort(), ['a', 'b']);
});

test('nobody beats: nobody is dead, however long', () => {
  const rig = new Rig('a', 'b', 'c');
  assert.equal(rig.rounds(200, ['a', 'b', 'c']).dead.size, 0);
});

test('an observer that was late counts the time as one poll', () => {
  const rig = new Rig('a', 'b', 'c');
  rig.rounds(2, ['a']);
  assert.equal(rig.poll(['a'], 5_000).dead.size, 0);
  assert.deepEqual([...rig.poll(['a']).dead], ['a']);
});

test('an observer that was late counts the time in which the others have beaten', () => {
  const rig = new Rig('a', 'b', 'c', 'd');
  rig.poll(['a'], 900, 0, { times: 2 });
  assert.equal(rig.poll(['a'], 900).dead.size, 0, 'one beat in 900 ms: they were late as well');
  assert.deepEqual([...rig.poll(['a'], 900, 0, { times: 2 }).dead], ['a'], '900 + 500 + 900 ms');
});

test('while the store is not well the beats of the others prove nothing: they are counted as they are tried', () => {
  const rig = new Rig('a', 'b', 'c', 'd');
  assert.equal(rig.poll(['a'], 3_500, 0, { times: 7, storeWell: false }).dead.size, 0);
  assert.equal(rig.rounds(2, ['a']).dead.size, 0);
  assert.deepEqual([...rig.poll(['a']).dead], ['a']);
});

test('one member that has beaten on while the others were late proves nothing', () => {
  const rig = new Rig('a', 'b', 'c', 'd');
  rig.counters.set('b', 50);
  assert.equal(rig.poll(['a'], 5_000).dead.size, 0);
});

test('an observer that is always late finds the dead all the same, after as many polls', () => {
  const rig = new Rig('a', 'b', 'c');
  for (let i = 0; i < 3; i++) assert.equal(rig.poll(['a'], 3_000).dead.size, 0);
  assert.deepEqual([...rig.poll(['a'], 3_000).dead], ['a']);
});

test('an observer that wakes after all the others does not take their silence for death', () => {
  const rig = new Rig('a', 'b', 'c', 'd', 'e');
  assert.equal(rig.poll(['a', 'b'], 60_000).dead.size, 0);
  assert.equal(rig.rounds(2, ['a', 'b']).dead.size, 0);
  assert.equal(rig.poll().dead.size, 0);
});

test('a failed poll counts no silence', () => {
  const rig = new Rig('a', 'b', 'c');
  rig.rounds(3, ['a']);
  for (let i = 0; i < 10; i++) assert.equal(rig.fail().withheld, 'failed');
  assert.equal(rig.rounds(3, ['a']).dead.size, 0);
  assert.deepEqual([...rig.poll(['a']).dead], ['a']);
});

test('a slow read shortens the silence it proves', () => {
  const rig = new Rig('a', 'b', 'c');
  rig.rounds(3, ['a']);
  assert.equal(rig.poll(['a'], 500, 100).dead.size, 0);
  assert.deepEqual([...rig.poll(['a'], 500, 100).dead], ['a']);
});

test('a removed row is forgotten', () => {
  const rig = new Rig('a', 'b', 'c');
  rig.rounds(4, ['a']);
  rig.counters.delete('a');
  const verdict = rig.poll();
  assert.equal(verdict.dead.size, 0);
  assert.equal(verdict.alive.has('a'), false);
});

test('property: a member is never dead before the others have beaten four times, in as many polls or fewer', () => {
  const round = fc.record({
    silent: fc.subarray(['b', 'c', 'd', 'e']),
    aBeats: fc.boolean(),
    gap: fc.integer({ min: 100, max: 3000 }),
    delay: fc.integer({ min: 0, max: 3000 }),
    fails: fc.boolean(),
    times: fc.integer({ min: 1, max: 4 }),
    storeWell: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(round, { maxLength: 80 }), (rounds) => {
      const rig = new Rig('a', 'b', 'c', 'd', 'e');
      let missed = 0;
      for (const r of rounds) {
        if (r.fails) rig.fail();
        const counted = r.storeWell ? r.times : 1;
        missed = r.aBeats || missed + counted >= 4 ? 0 : missed + counted;
        const silent = missed > 0 ? [...r.silent, 'a'] : r.silent;
        assert.equal(rig.poll(silent, r.gap, Math.min(r.delay, r.gap), r).dead.has('a'), false);
      }
    }),
  );
});
