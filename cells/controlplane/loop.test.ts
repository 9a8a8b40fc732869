import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../contract/system-clock.ts';
import { Loop } from './loop.ts';

test('goes on after failures, counts them in a row, and ends when closed', async () => {
  const failures: number[] = [];
  let rounds = 0;
  let reached: () => void = () => {};
  const enough = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const task = async (): Promise<void> => {
    if (++rounds === 6) reached();
    if (rounds !== 3) throw new Error('no');
  };
  const loop = new Loop(systemClock, 1, task, (_, inARow) => failures.push(inARow));
  await enough;
  await loop.close();
  const after = rounds;
  assert.deepEqual(failures.slice(0, 5), [1, 2, 1, 2, 3]);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(rounds, after);
});

test('close waits for the round under way', async () => {
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const loop = new Loop(
    systemClock,
    1,
    () => gate,
    () => {},
  );
  let closed = false;
  const closing = loop.close().then(() => {
    closed = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(closed, false);
  release();
  await closing;
});
