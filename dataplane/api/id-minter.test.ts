import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { ChatError } from '../../cells/contract/errors.ts';
import { ManualClock } from '../auth/auth.test-support.ts';
import { IdMinter } from './id-minter.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A lease table of one: labelled test double. */
class OneLease {
  worker = 7;
  down = false;
  async leaseWorker(): Promise<number> {
    if (this.down) throw new ChatError('store_unavailable');
    return this.worker;
  }
}

const rig = async (leases: OneLease) => {
  const clock = new ManualClock();
  const minter = new IdMinter({ leases, holder: 'pod/1', clock, log: pino({ level: 'silent' }) });
  await settled();
  const pass = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds; i++) {
      clock.advance(1000);
      await settled();
    }
  };
  return { minter, pass };
};
const workerOf = (id: bigint): number => Number((id >> 12n) & 1023n);

test('mints under the leased number for as long as it is renewed', async () => {
  const { minter, pass } = await rig(new OneLease());
  assert.equal(workerOf(minter.next()), 7);
  await pass(300);
  assert.equal(workerOf(minter.next()), 7);
  minter.close();
});

test('stops before the lease can be another’s, and goes on with the next one', async () => {
  const leases = new OneLease();
  const { minter, pass } = await rig(leases);
  leases.down = true;
  await pass(39);
  assert.ok(minter.next() > 0n); // the last renewal still holds
  await pass(20);
  assert.equal(minter.ready, false);
  assert.throws(() => minter.next(), { code: 'service_unavailable' });
  leases.down = false;
  leases.worker = 9;
  await pass(2);
  assert.equal(workerOf(minter.next()), 9);
  minter.close();
  assert.throws(() => minter.next(), { code: 'service_unavailable' });
});

test('waits for a store that is not there yet', async () => {
  const leases = new OneLease();
  leases.down = true;
  const { minter, pass } = await rig(leases);
  assert.equal(minter.ready, false);
  leases.down = false;
  await pass(2);
  assert.equal(minter.ready, true);
  minter.close();
});
