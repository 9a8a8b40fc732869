/** When an event on its way to a gateway counts as arrived, and when as failed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoadCounters } from '../../cells/contract/lrs/index.ts';
import { FanOutLoad } from './fan-out-load.ts';

class Rig {
  readonly #counters = new LoadCounters({ slowMs: 500 });
  readonly load = new FanOutLoad(this.#counters, { role: 'gateway', address: 'g:1', cell: 'c', zone: 'z' });
  send(count: number): void {
    for (let i = 0; i < count; i++) this.load.sent();
  }
  tick(count = 1): void {
    for (let i = 0; i < count; i++) this.load.tick();
  }
  get outcomes(): (number | undefined)[] {
    const [stats] = this.#counters.take().flatMap((c) => c.upstream_locality_stats);
    return [stats?.total_successful_requests ?? 0, stats?.total_error_requests ?? 0];
  }
}

test('what a ping tells of in time has arrived; what none told of for its interval and 500 ms has failed, once', () => {
  const rig = new Rig();
  rig.send(10);
  rig.load.arrived(10, 2);
  rig.tick();
  rig.send(5); // the next ping is due within one tick: half a second more is slow
  rig.tick(2);
  assert.deepEqual(rig.outcomes, [10, 0]);
  rig.tick();
  assert.deepEqual(rig.outcomes, [0, 5]);
  rig.load.arrived(15, 2);
  rig.send(1);
  rig.load.arrived(16, 2);
  assert.deepEqual(rig.outcomes, [1, 0]);
});

test('a lost link fails what was on its way, but not what was sent just before', () => {
  const rig = new Rig();
  rig.load.arrived(0, 2);
  rig.send(3);
  rig.tick();
  rig.send(4);
  rig.tick();
  rig.send(2);
  rig.load.end();
  assert.deepEqual(rig.outcomes, [0, 3]);
});

test('of a gateway that tells nothing, nothing is counted', () => {
  const rig = new Rig();
  rig.send(3);
  rig.tick(10);
  rig.load.end();
  assert.deepEqual(rig.outcomes, [0, 0]);
});
