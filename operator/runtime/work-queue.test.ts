import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from './manual-clock.test-support.ts';
import { DEFAULT_RATE_LIMIT, RateLimit } from './rate-limit.ts';
import { WorkQueue } from './work-queue.ts';

const keyOf = async (queue: WorkQueue): Promise<string | undefined> => (await queue.take())?.key;

test('a key that is added many times is handed out once, in the order of the first adding', async () => {
  const queue = new WorkQueue(new ManualClock());
  for (const key of ['a', 'b', 'a', 'c', 'a']) queue.add(key);
  assert.deepEqual([await keyOf(queue), await keyOf(queue), await keyOf(queue)], ['a', 'b', 'c']);
  assert.equal(queue.depth, 0);
});

test('a key that is added while it is worked on comes again only after that', async () => {
  const queue = new WorkQueue(new ManualClock());
  queue.add('a');
  await queue.take();
  queue.add('a');
  assert.equal(queue.depth, 0);
  queue.done('a');
  assert.equal(await keyOf(queue), 'a');
});

test('a delayed key comes at the earliest time asked for, and an add brings it at once', async () => {
  const clock = new ManualClock();
  const queue = new WorkQueue(clock);
  queue.addAfter('a', 1000);
  queue.addAfter('a', 300);
  queue.addAfter('a', 2000);
  clock.advance(299);
  assert.equal(queue.depth, 0);
  clock.advance(1);
  assert.equal(await keyOf(queue), 'a');
  queue.done('a');
  queue.addAfter('a', 1000);
  queue.add('a');
  assert.equal(await keyOf(queue), 'a');
  queue.done('a');
  clock.advance(5000);
  assert.equal(queue.depth, 0);
});

test('closing lets those who wait go', async () => {
  const queue = new WorkQueue(new ManualClock());
  const waiting = queue.take();
  queue.addAfter('a', 10);
  queue.close();
  queue.close();
  assert.equal(await waiting, undefined);
  assert.equal(await queue.take(), undefined);
});

/** A queue with workers, and what is still owed to whoever added. */
class Model {
  readonly clock = new ManualClock();
  readonly queue = new WorkQueue(this.clock);
  readonly owed = new Set<string>();
  readonly working: string[] = [];

  async step(what: Step, key: string): Promise<void> {
    switch (what) {
      case 'add':
        this.owed.add(key);
        return this.queue.add(key);
      case 'after':
        this.owed.add(key);
        return this.queue.addAfter(key, 50);
      case 'wait':
        return this.clock.advance(30);
      case 'done':
        if (this.working.length > 0) this.queue.done(this.working.shift()!);
        return;
      case 'take':
        if (this.queue.depth > 0) await this.#take();
    }
  }

  async drain(): Promise<void> {
    this.clock.advance(100);
    while (this.working.length > 0 || this.queue.depth > 0) {
      for (const key of this.working.splice(0)) this.queue.done(key);
      while (this.queue.depth > 0) await this.#take();
    }
  }

  async #take(): Promise<void> {
    const { key } = (await this.queue.take())!;
    assert.ok(!this.working.includes(key), `${key} is with two workers`);
    this.working.push(key);
    this.owed.delete(key);
  }
}
type Step = 'add' | 'after' | 'wait' | 'done' | 'take';

test('no key is ever with two workers, and none is forgotten', async () => {
  const step = fc.tuple(
    fc.constantFrom<Step[]>('add', 'after', 'take', 'done', 'wait'),
    fc.constantFrom('a', 'b', 'c'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const model = new Model();
      for (const [what, key] of steps) await model.step(what, key);
      await model.drain();
      assert.deepEqual([...model.owed], []);
    }),
  );
});

test('back-off of a key: 5 ms, doubled, to 1000 s; forgotten after a success', () => {
  const limit = new RateLimit(new ManualClock(), { ...DEFAULT_RATE_LIMIT, burst: 1000 });
  assert.deepEqual(
    [1, 2, 3].map(() => limit.delayMs('a')),
    [5, 10, 20],
  );
  assert.equal(limit.delayMs('b'), 5);
  for (let i = 0; i < 40; i++) limit.delayMs('a');
  assert.equal(limit.delayMs('a'), 1_000_000);
  limit.forget('a');
  assert.equal(limit.delayMs('a'), 5);
});

test('overall: a burst of 100, then 10 a second', () => {
  const clock = new ManualClock();
  const limit = new RateLimit(clock);
  const delays = Array.from({ length: 120 }, (_, i) => limit.delayMs(`key-${i}`));
  assert.equal(delays.filter((d) => d === 5).length, 100);
  assert.equal(Math.round(delays.at(-1)!), 2000);
  clock.advance(12_000);
  assert.equal(limit.delayMs('later'), 5);
});
