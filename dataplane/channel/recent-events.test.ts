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

test('large events are kept up to a bound in bytes: the newest, without a gap', () => {
  const recent = new RecentEvents();
  for (let seq = 1; seq <= 200; seq++) recent.push({ seq, frame: Buffer.alloc(20_000) });
  const kept = recent.after(198);
  assert.deepEqual(
    kept?.map((f) => f.seq),
    [199, 200],
  );
  assert.equal(recent.after(180), undefined);
  assert.ok(recent.bytes <= 256 * 1024, String(recent.bytes));
  recent.push({ seq: 201, frame: Buffer.alloc(400_000) });
  assert.equal(recent.after(200), undefined, 'too large to be kept at all');
  recent.push({ seq: 202, frame });
  assert.equal(recent.after(201)?.length, 1);
});
