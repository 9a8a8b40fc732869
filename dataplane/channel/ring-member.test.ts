/** What a standby makes of late looks at the heartbeats: time and store move by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { Clock } from '../../cells/contract/clock.ts';
import { emptyTable, nextTable, type RingTable } from '../../cells/contract/ring-table.ts';
import { NO_PLANTS } from '../protocol/plants.ts';
import type { Store } from '../storage/store.ts';
import { RingMember } from './ring-member.ts';
import { Slots } from './slots.ts';
import { TableControl } from './table-control.ts';

const HEARTBEAT_MS = 500;

/**
 * The standby of a dead owner, beside two that beat on. `look` is one tick that comes `gapMs` after the one before, in
 * which the others have beaten `times`; whether its own beat is written is for the test to say. It tells whether the
 * standby has taken over by then.
 */
function standby() {
  let now = 1_000;
  let tick = (): void => assert.fail('not started');
  let [beatWorks, counter, takenOver] = [true, 1, false];
  const clock: Clock = {
    ...{ monotonicMs: () => now, wallMs: () => now, after: () => ({ cancel: () => {} }) },
    every: (_, run) => {
      tick = run;
      return { cancel: () => {} };
    },
  };
  const table: RingTable = nextTable(emptyTable('r'));
  const names = ['owner', 'me', 'b', 'c'];
  table.members = names.map((n) => ({
    ...{ incarnation: n, pod: n, cell: 'c', zone: n, address: `${n}:1`, weight: 1 },
  }));
  table.owner.fill(0);
  table.standby.fill(1);
  const rows = () => names.map((n) => ({ incarnation: n, state: 'serving', counter: n === 'owner' ? 1 : counter }));
  const store = {
    wallMs: async () => now,
    log: { claim: async () => new Set() },
    ring: {
      beat: async () => {
        if (!beatWorks) throw new Error('no store');
      },
      heartbeats: async () => rows(),
      readTable: async (_: string, known?: number) => (known === undefined ? table : undefined),
      compareAndSetTable: async () => {
        takenOver = true;
        return true;
      },
    },
  } as unknown as Store;
  const member = new RingMember({
    ...{ store, clock, heartbeatMs: HEARTBEAT_MS, missed: 4, random: { next: () => 0.5, hex: () => '' } },
    ...{ log: pino({ level: 'silent' }), control: new TableControl(), slots: new Slots(), plants: NO_PLANTS },
    row: { incarnation: 'me', pod: 'me', cell: 'c', zone: 'z', ring: 'r', address: 'me:1', weight: 1 },
    metrics: { takeovers: { inc: () => {} }, clockSkewMs: { set: () => {} } } as never,
    load: () => ({ sockets: 0, slots: 0, topics: 0, perSecond: 0 }),
    ...{ claimed: () => {}, lost: () => {}, handOff: async () => {} },
  });
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const start = async (): Promise<void> => {
    member.start();
    await settled();
  };
  const look = async (gapMs: number, times: number, works = true): Promise<boolean> => {
    now += gapMs;
    counter += times;
    beatWorks = works;
    tick();
    await settled();
    return takenOver;
  };
  return { start, look };
}

test('late looks count for as long as the others have beaten, while its own beats are written', async () => {
  const { start, look } = standby();
  await start();
  assert.deepEqual([await look(900, 2), await look(900, 2), await look(900, 2)], [false, false, true]);
});

test('looks beside which its own beat failed count as one each, when it is written again as well', async () => {
  const { start, look } = standby();
  await start();
  const looks = [await look(900, 2, false), await look(900, 2, false), await look(900, 2)];
  assert.deepEqual(looks, [false, false, false]);
  assert.equal(await look(900, 2), true);
});

test('a beat that failed is forgotten with the next look', async () => {
  const { start, look } = standby();
  await start();
  assert.deepEqual([await look(900, 2, false), await look(900, 2), await look(900, 2)], [false, false, true]);
});
