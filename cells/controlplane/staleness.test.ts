import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Position, Staleness } from './staleness.ts';

const at = (epoch: number, cell = 1): Position => ({ epochs: { r: epoch }, cells: { a: cell } });

test('behind for three seconds, and not before', () => {
  const s = new Staleness();
  assert.equal(s.observe(at(5), [at(5), at(6)], 0), false);
  assert.equal(s.observe(at(5), [at(9)], 2_900), false);
  assert.equal(s.observe(at(5), [at(9)], 3_000), true);
  assert.equal(s.observe(at(6), [at(9)], 3_100), false, 'what was missing has come: the time starts anew');
  assert.equal(s.observe(at(6), [at(9)], 6_099), false);
  assert.equal(s.observe(at(6), [], 6_100), true, 'one missed answer is none');
  assert.equal(s.observe(at(9), [at(9)], 7_000), false);
});

test('a kind of which it hears nothing any more counts; what goes away proves nothing for long', () => {
  const pods = (n: number): Position => ({ ...at(5), newest: { pods: n, rings: 1 } });
  const s = new Staleness();
  assert.equal(s.observe(pods(7), [pods(9)], 0), false);
  assert.equal(s.observe(pods(7), [pods(9)], 3_000), true);
  assert.equal(s.observe(pods(9), [pods(9)], 3_500), false);
  assert.equal(s.observe(pods(9), [at(5)], 4_000), false, 'a replica of the version before');
  const other = new Staleness();
  assert.equal(other.observe(pods(7), [pods(9)], 0), false);
  for (let t = 1_000; t < 9_000; t += 1_000)
    assert.equal(other.observe(pods(7), [pods(7)], t), false, 'the newest was deleted');
});

test('it goes on when those that are ahead of it fall silent, and stops again when they are back', () => {
  const s = new Staleness();
  for (let t = 0; t < 3_000; t += 1_000) assert.equal(s.observe(at(5), [at(6)], t), false);
  assert.equal(s.observe(at(5), [at(6)], 3_000), true);
  assert.equal(s.observe(at(5), [], 5_999), true);
  assert.equal(s.observe(at(5), [at(5)], 6_000), false, 'nobody who answers is ahead');
  for (let t = 7_000; t < 10_000; t += 1_000) assert.equal(s.observe(at(5), [at(6)], t), false);
  assert.equal(s.observe(at(5), [at(6)], 10_000), true);
  const last = new Staleness();
  last.observe(at(5), [at(6)], 0);
  for (let t = 1_000; t < 9_000; t += 1_000) assert.equal(last.observe(at(5), [], t), false, 'it is the only one left');
});

test('one that follows its peers with a lag is not behind', () => {
  const s = new Staleness();
  for (let t = 0; t < 20; t++) assert.equal(s.observe(at(t), [at(t + 1)], t * 1000), false);
});

test('equally stale, ahead, alone, or ignorant of a thing: not behind', () => {
  const s = new Staleness();
  for (let t = 0; t < 5; t++) {
    assert.equal(s.observe(at(5), [at(5), at(4)], t * 2000), false);
    assert.equal(s.observe(at(5), [], t * 2000), false);
    assert.equal(s.observe({ epochs: {}, cells: { a: 1 } }, [{ epochs: { r: 9 }, cells: { b: 7 } }], t * 2000), false);
  }
  assert.equal(s.observe(at(5, 1), [at(5, 2)], 50_000), false);
  assert.equal(s.observe(at(5, 1), [at(5, 2)], 53_000), true, 'a newer Cell counts as well');
});
