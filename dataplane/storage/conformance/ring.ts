import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Heartbeat } from '../../../cells/contract/ring-store.ts';
import { openRingStore } from '../../../cells/contract/ring-store-open.ts';
import { emptyTable, nextTable } from '../../../cells/contract/ring-table.ts';
import type { Subject } from '../conformance.ts';

export function ringConformance(subject: Subject): void {
  it('commits a table by compare-and-set of its epoch', async () => {
    const { ring } = subject.store;
    assert.equal(await ring.readTable('ns/a'), undefined);
    const first = nextTable(emptyTable('ns/a'));
    first.owner[5] = 0;
    first.slotEpoch[5] = 4_000_000_000;
    const member = { incarnation: 'u/1', pod: 'p', cell: 'cell-a', zone: 'z', address: '127.1.0.5:1', weight: 1.5 };
    first.members = [member];
    const second = nextTable(first);
    assert.equal(await ring.compareAndSetTable(second), false, 'epoch 2 without epoch 1');
    assert.equal(await ring.compareAndSetTable(first), true);
    assert.equal(await ring.compareAndSetTable(first), false, 'the same epoch twice');
    assert.deepEqual(await ring.readTable('ns/a'), first);
    assert.equal(await ring.readTable('ns/a', 1), undefined);
    assert.equal((await ring.readTable('ns/a', 0))?.epoch, 1);
    const won = await Promise.all(Array.from({ length: 6 }, () => ring.compareAndSetTable(nextTable(first))));
    assert.equal(won.filter(Boolean).length, 1);
    assert.equal((await ring.readTable('ns/a', 1))?.epoch, 2);
  });

  it('changes the latest table for each who asks, in turn', async () => {
    const { ring } = subject.store;
    const first = nextTable(emptyTable('ns/c'));
    assert.equal(await ring.changeTable(first, (table) => ({ table: nextTable(table) })), undefined, 'no table');
    await ring.compareAndSetTable(first);
    const changed = await Promise.all(
      Array.from({ length: 6 }, (_, slot) =>
        ring.changeTable(first, (table) => {
          const next = nextTable(table);
          next.owner[slot] = slot;
          return { table: next, slot };
        }),
      ),
    );
    assert.deepEqual(changed.map((c) => c?.table.epoch).sort(), [2, 3, 4, 5, 6, 7]);
    assert.deepEqual([...(await ring.readTable('ns/c'))!.owner.slice(0, 6)], [0, 1, 2, 3, 4, 5]);
    assert.equal(await ring.changeTable(first, () => undefined), undefined);
    assert.equal((await ring.readTable('ns/c'))?.epoch, 7);
  });

  it('keeps the last load report of a process, until it is forgotten', async () => {
    const { ring } = subject.store;
    const report = {
      incarnation: 'l/a',
      ring: 'ns/l',
      counter: 1,
      perSecond: 12.5,
      hottest: [[16_383, 7.25]] as const,
    };
    await ring.reportLoad(report);
    await ring.reportLoad({ ...report, incarnation: 'l/b', hottest: [] });
    await ring.reportLoad({ ...report, counter: 2 });
    assert.deepEqual(await ring.loads('ns/l'), [
      { ...report, counter: 2 },
      { ...report, incarnation: 'l/b', hottest: [] },
    ]);
    await ring.forget(['l/a']);
    assert.deepEqual(
      (await ring.loads('ns/l')).map((l) => l.incarnation),
      ['l/b'],
    );
  });

  it('keeps one heartbeat a process; the control plane reads the same', async () => {
    const beat = (incarnation: string, counter: number, ring: string): Heartbeat => ({
      incarnation,
      role: ring === '' ? 'gateway' : 'channel',
      pod: 'channel-0',
      cell: 'cell-a',
      zone: 'zone-a',
      ring,
      address: '127.1.0.5:7000',
      weight: 0.5,
      counter,
      state: 'serving',
      load: { sockets: 1, slots: 2, topics: 3, perSecond: 4.25 },
    });
    const { ring } = subject.store;
    await ring.beat(beat('u/a', 1, 'ns/a'));
    await ring.beat(beat('u/b', 1, 'ns/b'));
    await ring.beat(beat('u/c', 1, ''));
    await ring.beat({ ...beat('u/a', 2, 'ns/a'), state: 'leaving' });
    const control = subject.closing(await openRingStore(subject.url));
    assert.deepEqual(await control.heartbeats('ns/a'), [{ ...beat('u/a', 2, 'ns/a'), state: 'leaving' }]);
    assert.deepEqual(
      (await control.heartbeats()).map((h) => h.incarnation),
      ['u/a', 'u/b', 'u/c'],
    );
    await control.forget(['u/a', 'u/c', 'nobody']);
    await control.forget([]);
    assert.deepEqual(
      (await ring.heartbeats()).map((h) => h.incarnation),
      ['u/b'],
    );
    await control.close();
  });
}
