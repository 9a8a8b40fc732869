import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { Cell, ChannelRing, Workspace } from '../../crds/index.ts';
import type { Clock } from '../contract/clock.ts';
import type { Heartbeat, RingStore } from '../contract/ring-store.ts';
import { ringTables, SqlRingStore, slotLoadTable } from '../contract/ring-store-sql.ts';
import { NONE, nextTable, type RingTable } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';
import { openDatabase } from '../contract/sql/open-database.ts';
import { sharesOf } from '../ring/shares.ts';
import { RingManager } from './ring-manager.ts';
import { Tables } from './tables.ts';

const log = pino({ level: 'silent' });
const RING = 'demo/main';

/** Time moves by hand; the ring manager reads nothing else of the clock. */
class HandClock implements Clock {
  now = 0;
  wallMs = (): number => this.now;
  monotonicMs = (): number => this.now;
  after(): never {
    throw new Error('unused');
  }
  every(): never {
    throw new Error('unused');
  }
}

async function openStore(): Promise<RingStore> {
  const db = await openDatabase('sqlite::memory:');
  await db.exclusive(async (run) => {
    for (const sql of [...ringTables(db.dialect), slotLoadTable(db.dialect)]) await run({ sql, params: [] });
  });
  return new SqlRingStore(db);
}

/** Channel servers that beat, hand over when told and take over from the dead; and one or more managers. */
class Rig {
  readonly clock = new HandClock();
  readonly cells = new Map<string, Cell>();
  readonly rings = new Map<string, ChannelRing>();
  readonly workspaces = new Map<string, Workspace>();
  readonly servers = new Map<string, Heartbeat>();
  readonly commits: string[] = [];
  readonly managers: { manager: RingManager; tables: Tables }[] = [];
  readonly store: RingStore;
  /** Whether the servers carry out handoffs and takeovers. */
  acting = true;
  /** Whether the managers look one after another, so that none sees a handoff under way that another has started. */
  inTurn = false;

  private constructor(store: RingStore) {
    this.store = store;
  }
  static async start(options: { managers?: number; spec?: Partial<ChannelRing['spec']> } = {}): Promise<Rig> {
    const rig = new Rig(await openStore());
    for (const name of ['cell-a', 'cell-b', 'cell-c']) rig.setCell(name, {});
    const spec = { cells: ['cell-a', 'cell-b', 'cell-c'], maxMovesPerMinute: 16_384, ...options.spec };
    rig.rings.set(RING, { ...object('ChannelRing', 'main'), kind: 'ChannelRing', spec });
    for (let i = 0; i < (options.managers ?? 1); i++) rig.addManager();
    return rig;
  }
  addManager(): void {
    const tables = new Tables({
      store: this.store,
      rings: () => this.rings.keys(),
      onTable: (table, givers) => manager.charge(table, givers),
      onChange: () => {},
    });
    const manager = new RingManager({
      ...{
        store: this.store,
        tables,
        rings: this.rings,
        cells: this.cells,
        workspaces: this.workspaces,
        periodMs: 1000,
        clock: this.clock,
        log,
      },
      onCommit: (_, outcome) => void this.commits.push(outcome),
    });
    this.managers.push({ manager, tables });
  }
  setCell(name: string, change: Partial<Cell['spec']>, status: Cell['status'] = {}): void {
    const spec = { region: 'r', zone: name.replace('cell', 'zone'), channelServers: { replicas: 2 }, ...change };
    this.cells.set(`demo/${name}`, { ...object('Cell', name), kind: 'Cell', spec, status });
  }
  join(n: number, cell = `cell-${'abc'[n % 3]}`): void {
    const zone = cell.replace('cell', 'zone');
    this.servers.set(`uid-${n}/1`, {
      ...{ incarnation: `uid-${n}/1`, role: 'channel', pod: `pod-${n}`, cell, zone, ring: RING, weight: 1, counter: 0 },
      ...{ address: `127.0.0.${n}:7000`, state: 'serving', load: { sockets: 0, slots: 0, topics: 0, perSecond: 0 } },
    });
  }
  async rounds(n: number): Promise<void> {
    for (let round = 0; round < n; round++) {
      this.clock.now += 1000;
      for (const s of this.servers.values()) await this.store.beat({ ...s, counter: ++s.counter });
      const rows = await this.store.heartbeats();
      const due = this.managers.filter((_, m) => !this.inTurn || m === round % this.managers.length);
      await Promise.all(due.map(({ manager }) => manager.tick(rows, this.clock.now, 1)));
      if (this.acting) await this.#act();
    }
  }
  async table(): Promise<RingTable> {
    const table = await this.store.readTable(RING);
    assert.ok(table, 'there is a table');
    return table;
  }
  async #act(): Promise<void> {
    const table = await this.store.readTable(RING);
    if (!table) return;
    const next = nextTable(table);
    let changed = false;
    for (let slot = 0; slot < SLOTS; slot++) {
      const alive = this.servers.has(table.members[table.owner[slot]!]?.incarnation ?? '');
      const heir = alive ? table.target[slot]! : table.standby[slot]!;
      if (heir === NONE || !this.servers.has(table.members[heir]!.incarnation)) continue;
      next.owner[slot] = heir;
      next.target[slot] = NONE;
      if (!alive) next.standby[slot] = NONE;
      next.slotEpoch[slot] = next.epoch;
      changed = true;
    }
    if (changed) await this.store.compareAndSetTable(next);
  }
}
const object = (kind: string, name: string) => ({
  apiVersion: 'chatcells.dev/v1alpha1' as const,
  kind,
  metadata: { name, namespace: 'demo', uid: name, resourceVersion: '1', generation: 1, creationTimestamp: '' },
});
const slotsOf = (table: RingTable): Record<string, number> =>
  Object.fromEntries(sharesOf(table).members.map((m) => [m.pod, m.slots]));

test('a ring is laid out as soon as all expected servers beat', async () => {
  const rig = await Rig.start();
  for (let n = 0; n < 5; n++) rig.join(n);
  await rig.rounds(2);
  assert.equal(await rig.store.readTable(RING), undefined, 'one is missing still');
  rig.join(5);
  await rig.rounds(3);
  const shares = sharesOf(await rig.table());
  assert.equal(shares.orphans, 0);
  assert.equal(shares.members.length, 6);
  assert.ok(shares.maxOverAverage <= 1.01);
});

test('or when who is there has been the same for ten seconds; a row left behind is not there', async () => {
  const rig = await Rig.start();
  await rig.store.beat({ ...stale('uid-99/1'), counter: 7 });
  for (let n = 0; n < 4; n++) rig.join(n);
  await rig.rounds(10);
  assert.equal(await rig.store.readTable(RING), undefined);
  await rig.rounds(3);
  const table = await rig.table();
  assert.deepEqual(Object.keys(slotsOf(table)).sort(), ['pod-0', 'pod-1', 'pod-2', 'pod-3']);
  await rig.rounds(6);
  assert.equal(
    (await rig.store.heartbeats(RING)).some((r) => r.incarnation === 'uid-99/1'),
    false,
    'forgotten',
  );
});
const stale = (incarnation: string): Heartbeat => ({
  ...{ incarnation, role: 'channel', pod: 'pod-99', cell: 'cell-a', zone: 'zone-a', ring: RING, weight: 1, counter: 0 },
  ...{ address: '127.0.0.99:7000', state: 'serving', load: { sockets: 0, slots: 0, topics: 0, perSecond: 0 } },
});

test('a steady ring is not written', async () => {
  const rig = await Rig.start();
  for (let n = 0; n < 6; n++) rig.join(n);
  await rig.rounds(4);
  const { epoch } = await rig.table();
  await rig.rounds(20);
  assert.equal((await rig.table()).epoch, epoch);
});

test('a dead server: standbys take over, balance returns, its member and row go', async () => {
  const rig = await Rig.start();
  for (let n = 0; n < 6; n++) rig.join(n);
  await rig.rounds(4);
  rig.servers.delete('uid-0/1');
  await rig.rounds(20);
  const table = await rig.table();
  const shares = sharesOf(table);
  assert.equal(shares.members.length, 5);
  assert.equal(shares.orphans, 0);
  assert.ok(shares.maxOverAverage <= 1.01);
  assert.equal((await rig.store.heartbeats(RING)).length, 5);
});

test('after a death nothing is rebalanced for five seconds, whoever has come meanwhile; what leaves is let go', async () => {
  // In turn: one may find the dead struck off before it has missed it.
  const rig = await Rig.start({ managers: 3 });
  rig.inTurn = true;
  for (let n = 0; n < 6; n++) rig.join(n);
  await rig.rounds(12);
  rig.servers.delete('uid-0/1');
  while ((slotsOf(await rig.table())['pod-0'] ?? 0) > 0) await rig.rounds(1);
  rig.join(6, 'cell-a');
  await rig.rounds(4);
  assert.equal(slotsOf(await rig.table())['pod-6'] ?? 0, 0, 'the standbys are left alone');
  rig.servers.get('uid-1/1')!.state = 'leaving';
  await rig.rounds(1);
  assert.equal(slotsOf(await rig.table())['pod-1'] ?? 0, 0, 'but who leaves may');
  await rig.rounds(10);
  assert.ok(slotsOf(await rig.table())['pod-6']! > 2000);
});

test('standbys that do nothing are given the slots after ten seconds', async () => {
  const rig = await Rig.start();
  for (let n = 0; n < 6; n++) rig.join(n);
  await rig.rounds(4);
  rig.acting = false;
  rig.servers.delete('uid-0/1');
  await rig.rounds(6);
  assert.ok(slotsOf(await rig.table())['pod-0']! > 0, 'left to the standbys');
  await rig.rounds(12);
  assert.equal(slotsOf(await rig.table())['pod-0'], undefined);
});

test('an emptied cell gives up all its slots, and takes them again afterwards', async () => {
  const rig = await Rig.start();
  for (let n = 0; n < 6; n++) rig.join(n);
  await rig.rounds(4);
  rig.setCell('cell-b', { drain: { targetWeight: 0 } }, { drain: { phase: 'Draining' } });
  await rig.rounds(12);
  const drained = sharesOf(await rig.table());
  const inB = drained.members.filter((m) => m.cell === 'cell-b');
  assert.deepEqual(
    inB.map((m) => [m.slots, m.standbySlots]),
    [
      [0, 0],
      [0, 0],
    ],
  );
  rig.setCell('cell-b', {}, { drain: { phase: 'Undraining' } });
  await rig.rounds(2);
  assert.ok(slotsOf(await rig.table())['pod-1']! > 200, 'the evacuation has not used up the budget of the return');
  await rig.rounds(18);
  assert.ok(sharesOf(await rig.table()).maxOverAverage <= 1.01);
  assert.ok(slotsOf(await rig.table())['pod-1']! > 2000);
});

test('a paused drain keeps the slots that are left where they are, and goes on; so does an undrain', async () => {
  const rig = await Rig.start({ spec: { handoff: { batch: 50 } } });
  for (let n = 0; n < 6; n++) rig.join(n);
  await rig.rounds(4);
  const left = async (): Promise<number> => {
    const slots = slotsOf(await rig.table());
    return slots['pod-1']! + slots['pod-4']!;
  };
  const still = async (): Promise<number> => {
    const before = await left();
    await rig.rounds(8);
    assert.equal(await left(), before);
    return before;
  };
  rig.setCell('cell-b', { drain: { targetWeight: 0 } }, { drain: { phase: 'Draining', fromWeight: 100 } });
  await rig.rounds(3);
  rig.setCell('cell-b', { drain: { targetWeight: 0, paused: true } }, { drain: { phase: 'Paused', fromWeight: 100 } });
  const halfway = await still();
  assert.ok(halfway > 0 && halfway < 5000, `${halfway} slots`);
  // Who shuts down leaves all the same.
  rig.servers.set('uid-1/1', { ...rig.servers.get('uid-1/1')!, state: 'leaving' });
  await rig.rounds(12);
  assert.equal(slotsOf(await rig.table())['pod-1'], 0);
  rig.servers.set('uid-1/1', { ...rig.servers.get('uid-1/1')!, state: 'serving' });
  rig.setCell('cell-b', { drain: { targetWeight: 0 } }, { drain: { phase: 'Draining', fromWeight: 100 } });
  await rig.rounds(12);
  assert.equal(await left(), 0);
  rig.setCell('cell-b', {}, { drain: { phase: 'Undraining' } });
  await rig.rounds(2);
  rig.setCell('cell-b', { drain: { paused: true } }, { drain: { phase: 'Paused' } });
  const back = await still();
  assert.ok(back > 0 && back < 5000, `${back} slots`);
});

test('rebalancing obeys the budget however many replicas manage; paused it stands still', async () => {
  const rig = await Rig.start({ managers: 3, spec: { maxMovesPerMinute: 600, handoff: { batch: 4096 } } });
  for (let n = 0; n < 6; n++) rig.join(n);
  await rig.rounds(4);
  rig.join(6, 'cell-a');
  const before = await rig.table();
  await rig.rounds(20);
  const moved = slotsOf(await rig.table())['pod-6'] ?? 0;
  assert.ok(moved > 0 && moved <= 100 + 20 * 10 + 10, `moved ${moved} of at most 310`);
  assert.ok(before.epoch < (await rig.table()).epoch);
  const ring = rig.rings.get(RING)!;
  rig.rings.set(RING, { ...ring, spec: { ...ring.spec, handoff: { batch: 4096, paused: true } } });
  await rig.rounds(1);
  const paused = slotsOf(await rig.table())['pod-6'];
  await rig.rounds(10);
  assert.equal(slotsOf(await rig.table())['pod-6'], paused);
});

test('handoffs that began and ended between two reads have been paid for', async () => {
  const rig = await Rig.start({ managers: 3, spec: { maxMovesPerMinute: 600, handoff: { batch: 4096 } } });
  for (let n = 0; n < 6; n++) rig.join(n);
  await rig.rounds(4);
  rig.inTurn = true;
  rig.join(6, 'cell-a');
  await rig.rounds(30);
  const moved = slotsOf(await rig.table())['pod-6'] ?? 0;
  assert.ok(moved > 0 && moved <= 100 + 30 * 10 + 10, `moved ${moved} of at most 410`);
});

test('when most servers fall silent at once nothing is done', async () => {
  const rig = await Rig.start();
  for (let n = 0; n < 6; n++) rig.join(n);
  await rig.rounds(4);
  rig.acting = false;
  const { epoch } = await rig.table();
  for (let n = 0; n < 5; n++) rig.servers.delete(`uid-${n}/1`);
  await rig.rounds(6);
  assert.equal((await rig.table()).epoch, epoch);
});

const withSpec = (rig: Rig, change: Partial<ChannelRing['spec']>): void => {
  const ring = rig.rings.get(RING)!;
  rig.rings.set(RING, { ...ring, spec: { ...ring.spec, ...change } });
};

test('a pinned slot goes to its Pod by a planned handoff, and stays when it is unpinned: no move without need', async () => {
  const rig = await Rig.start();
  for (let n = 0; n < 6; n++) rig.join(n);
  await rig.rounds(4);
  const ownerOf = (t: RingTable): string | undefined => t.members[t.owner[77]!]?.pod;
  const pod = ownerOf(await rig.table()) === 'pod-0' ? 'pod-1' : 'pod-0';
  withSpec(rig, { handoff: { pins: [{ slot: 77, pod }] } });
  await rig.rounds(4);
  const pinned = await rig.table();
  assert.equal(ownerOf(pinned), pod);
  assert.ok(sharesOf(pinned).maxOverAverage <= 1.01);
  withSpec(rig, { handoff: {} });
  await rig.rounds(4);
  assert.equal(ownerOf(await rig.table()), pod);
});

const slotsAt = (table: RingTable, index: number): number[] =>
  Array.from({ length: SLOTS }, (_, slot) => slot).filter((slot) => table.owner[slot] === index);

/** Every server reports; resolves with the Pods that have more than one of the hot slots. */
async function reportLoad(rig: Rig, hot: readonly number[], counter: number): Promise<string[]> {
  const table = await rig.table();
  const crowded: string[] = [];
  for (const [index, { incarnation, pod }] of table.members.entries()) {
    const hottest = slotsAt(table, index).flatMap((s): [number, number][] => (hot.includes(s) ? [[s, 400]] : []));
    if (hottest.length > 1) crowded.push(pod);
    await rig.store.reportLoad({ incarnation, ring: RING, counter, perSecond: 100 + 400 * hottest.length, hottest });
  }
  return crowded;
}

test('hot slots change places after a while of rest, within their budget; switched off, nothing moves', async () => {
  const rig = await Rig.start({ managers: 3 });
  for (let n = 0; n < 6; n++) rig.join(n);
  await rig.rounds(4);
  const start = await rig.table();
  const hot = slotsAt(start, 0).slice(0, 4);
  const report = (counter: number): Promise<string[]> => reportLoad(rig, hot, counter);
  withSpec(rig, { hotSlots: { enabled: false } });
  assert.equal((await report(1)).length, 1);
  await rig.rounds(60);
  assert.deepEqual((await rig.table()).owner, start.owner);
  withSpec(rig, { hotSlots: { enabled: true } });
  for (let counter = 2; counter < 60; counter++) {
    await report(counter);
    await rig.rounds(10);
  }
  assert.deepEqual(await report(99), []);
  const end = await rig.table();
  const podOf = (t: RingTable, slot: number): string => t.members[t.owner[slot]!]!.pod;
  const moved = Array.from({ length: SLOTS }, (_, slot) => slot).filter((s) => podOf(start, s) !== podOf(end, s));
  assert.ok(moved.length <= 16, `${moved.length} moved`);
});

test('a replica that has just started lets all slots rest, also when it has read the table before its first round', async () => {
  const rig = await Rig.start();
  rig.clock.now = 3_600_000; // the machine was up for long before
  for (let n = 0; n < 6; n++) rig.join(n);
  await rig.rounds(4);
  rig.managers.length = 0;
  rig.addManager();
  await rig.managers[0]!.tables.poll();
  const { owner } = await rig.table();
  const hot = [...owner.keys()].filter((slot) => owner[slot] === 0).slice(0, 4);
  let counter = 0;
  const tensOfSeconds = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i++) {
      await reportLoad(rig, hot, ++counter);
      await rig.rounds(10);
    }
  };
  await tensOfSeconds(28);
  assert.deepEqual((await rig.table()).owner, owner, 'what moved before, nobody has seen');
  await tensOfSeconds(10);
  assert.notDeepEqual((await rig.table()).owner, owner);
});

test('a ring that is deleted and used by nobody leaves a table without members, above the epoch of its claims', async () => {
  const rig = await Rig.start();
  for (let n = 0; n < 3; n++) rig.join(n);
  await rig.rounds(13);
  const { epoch } = await rig.table();
  const ring = rig.rings.get(RING)!;
  const workspace = { ...object('Workspace', 'acme'), kind: 'Workspace', spec: { displayName: 'a', ring: 'main' } };
  rig.workspaces.set('demo/acme', workspace as Workspace);
  rig.rings.set(RING, { ...ring, metadata: { ...ring.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
  await rig.rounds(2);
  assert.equal((await rig.table()).members.length, 3, 'it is in use');
  const [{ manager }] = rig.managers as [(typeof rig.managers)[number]];
  assert.notEqual(manager.view(RING)?.held, 'ended');
  rig.workspaces.clear();
  await rig.rounds(2);
  const end = await rig.table();
  assert.deepEqual([end.members.length, end.epoch], [0, epoch + 1]);
  assert.equal(manager.view(RING)?.held, 'ended');
});

test('a deleted ring has ended at once when it never had a table, and without the rows of its dead servers', async () => {
  const rig = await Rig.start();
  const [{ manager }] = rig.managers as [(typeof rig.managers)[number]];
  const ring = rig.rings.get(RING)!;
  const deleted = { ...ring, metadata: { ...ring.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  for (let n = 0; n < 3; n++) rig.join(n);
  await rig.rounds(13);
  rig.acting = false; // nobody takes over, so the table names the dead until the ring ends
  rig.servers.delete('uid-2/1');
  await rig.rounds(4);
  assert.equal((await rig.store.heartbeats(RING)).length, 3);
  rig.rings.set(RING, deleted);
  await rig.rounds(1);
  assert.equal(manager.view(RING)?.held, 'ended');
  assert.deepEqual((await rig.store.heartbeats(RING)).map((r) => r.incarnation).sort(), ['uid-0/1', 'uid-1/1']);

  const fresh = await Rig.start();
  fresh.rings.set(RING, deleted);
  await fresh.rounds(1);
  assert.equal(fresh.managers[0]?.manager.view(RING)?.held, 'ended');
  assert.deepEqual((await fresh.table()).members, []);
});

test('a replica that has not heard of the deletion lays nothing out; a later ring of the same name is laid out', async () => {
  for (const hadTable of [true, false]) {
    const rig = await Rig.start();
    const ring = rig.rings.get(RING)!;
    for (let n = 0; n < 3; n++) rig.join(n);
    if (hadTable) await rig.rounds(13);
    rig.rings.set(RING, { ...ring, metadata: { ...ring.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
    await rig.rounds(1);
    const { epoch } = await rig.table();
    rig.rings.set(RING, ring); // as such a replica sees it
    await rig.rounds(13);
    assert.deepEqual([(await rig.table()).epoch, (await rig.table()).members.length], [epoch, 0]);
    assert.equal(rig.managers[0]?.manager.view(RING)?.held, 'ended');
    rig.rings.set(RING, { ...ring, metadata: { ...ring.metadata, uid: 'another' } });
    await rig.rounds(13);
    const later = await rig.table();
    assert.equal(later.members.length, 3);
    assert.ok(later.epoch > epoch);
  }
});

test('a ring that has ended and is named again before it is gone is laid out again', async () => {
  const rig = await Rig.start();
  const ring = rig.rings.get(RING)!;
  for (let n = 0; n < 3; n++) rig.join(n);
  await rig.rounds(13);
  rig.rings.set(RING, { ...ring, metadata: { ...ring.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
  await rig.rounds(1);
  assert.equal(rig.managers[0]?.manager.view(RING)?.held, 'ended');
  const workspace = { ...object('Workspace', 'acme'), kind: 'Workspace', spec: { displayName: 'a', ring: 'main' } };
  rig.workspaces.set('demo/acme', workspace as Workspace);
  await rig.rounds(13);
  assert.equal((await rig.table()).members.length, 3);
  assert.equal(rig.managers[0]?.manager.view(RING)?.held, undefined);
});
