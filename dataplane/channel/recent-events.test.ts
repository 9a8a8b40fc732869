import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentEvents } from './recent-events.ts';

const frame = Buffer.alloc(0);

test('what was deleted is not kept: a subscriber from before it is served by the log', () => {
  const recent = new RecentEvents();
  for (const seq of [1, 2, 3]) recent.push({ seq, frame });
  assert.deepEqual(
    recent.after(1)?.map((f) => f.seq),
    [2, 3],
  );
  recent.forget();
  assert.equal(recent.after(1), undefined);
  recent.push({ seq: 4, frame });
  assert.equal(recent.after(2), undefined);
  assert.deepEqual(
    recent.after(3)?.map((f) => f.seq),
    [4],
  );
});
