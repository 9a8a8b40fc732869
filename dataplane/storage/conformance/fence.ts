import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../../cells/contract/errors.ts';
import type { TopicId } from '../../../cells/contract/ids.ts';
import { slotOf } from '../../../cells/contract/slot.ts';
import type { Subject } from '../conformance.ts';
import type { Fence, Store } from '../store.ts';
import { channel, entry, fenceOf, fencesOf, RING } from '../testing/entries.ts';

let topics = 500_000;
const newTopic = (): TopicId => channel(++topics);

export function fenceConformance(subject: Subject): void {
  it('claims upwards only, and again for the same owner and epoch', async () => {
    const { log } = subject.store;
    const fence = (epoch: number): Fence => ({ ring: 'claims', slot: 16_383, epoch });
    const claim = async (owner: string, epoch: number): Promise<boolean> =>
      (await log.claim(owner, [fence(epoch)])).has(16_383);
    assert.equal(await claim('a', 3), true);
    assert.equal(await claim('a', 3), true, 'a repeated claim');
    assert.equal(await claim('b', 3), false, 'the same epoch of another');
    assert.equal(await claim('b', 2), false, 'a lower epoch');
    assert.equal(await claim('b', 4), true);
    assert.equal(await claim('a', 3), false);
  });

  it('claims all slots of a ring, each at its own epoch, and tells which it got', async () => {
    const { log } = subject.store;
    const all = Array.from({ length: 16_384 }, (_, slot) => ({ ring: 'whole', slot, epoch: 1 + (slot % 3) }));
    assert.equal((await log.claim('a', all)).size, 16_384);
    const taken = await log.claim('b', all.map((f) => ({ ...f, epoch: 2 })).slice(0, 900));
    assert.deepEqual(
      [...taken].sort((x, y) => x - y),
      all.filter((f) => f.slot < 900 && f.epoch === 1).map((f) => f.slot),
    );
    assert.deepEqual([...(await log.claim('c', []))], []);
  });

  it('an append needs every one of its fences, at this owner, epoch and ring', async () => {
    const { log } = subject.store;
    const [a, b] = [newTopic(), newTopic()];
    const batch = [entry(a, 1), entry(b, 1)];
    const fenced = (promise: Promise<void>, ...slots: number[]): Promise<void> =>
      assert.rejects(promise, (e) => {
        assert.ok(hasCode(e, 'fenced'));
        assert.deepEqual(e.details.slots, slots);
        return true;
      });
    await fenced(log.append('me', fencesOf([a, b]), batch), slotOf(a), slotOf(b));
    await log.claim('me', [fenceOf(a)]);
    await fenced(log.append('me', fencesOf([a, b]), batch), slotOf(b));
    await log.claim('me', [fenceOf(b, 2)]);
    await fenced(log.append('me', fencesOf([a, b]), batch), slotOf(b));
    await fenced(log.append('other', [fenceOf(a)], [batch[0]!]), slotOf(a));
    await fenced(log.append('me', [{ ...fenceOf(a), ring: 'else' }], [batch[0]!]), slotOf(a));
    assert.deepEqual((await log.heads([a, b])).get(a), { seq: 0, ts: 0n });
    await log.append('me', [fenceOf(a), fenceOf(b, 2)], [batch[0]!, { ...batch[1]!, epoch: 2 }]);
  });

  it('refuses an entry that no fence of its batch covers', async () => {
    const { log } = subject.store;
    const [a, b] = [newTopic(), newTopic()];
    await log.claim('me', fencesOf([a, b]));
    await assert.rejects(log.append('me', [fenceOf(a)], [entry(b, 1)]), /no fence of slot/);
    await assert.rejects(log.append('me', [fenceOf(a)], [entry(a, 1, { epoch: 2 })]), /no fence of slot/);
  });

  it('a claim waits for an append in flight; the old owner’s next one is fenced', async () => {
    const topic = newTopic();
    const atCommit = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    await subject.store.log.claim('old', [fenceOf(topic)]);
    const old = await subject.open(subject.url, {
      beforeCommit: () => {
        atCommit.resolve();
        return go.promise;
      },
    });
    const order: string[] = [];
    const append = old.log.append('old', [fenceOf(topic)], [entry(topic, 1)]).then(() => order.push('append'));
    await atCommit.promise;
    const claim = subject.store.log.claim('new', [fenceOf(topic, 2)]).then((held) => {
      order.push('claim');
      return held;
    });
    // The claim cannot be done before the append: give it the time of many round trips to be wrong.
    const aside = await subject.open(subject.url);
    for (let i = 0; i < 50; i++) await aside.ring.heartbeats('nobody');
    await aside.close();
    assert.deepEqual(order, []);
    go.resolve();
    await append;
    assert.deepEqual([...(await claim)], [slotOf(topic)]);
    assert.deepEqual(order, ['append', 'claim']);
    assert.equal((await subject.store.log.heads([topic])).get(topic)?.seq, 1);
    await assert.rejects(old.log.append('old', [fenceOf(topic)], [entry(topic, 2)]), (e) => hasCode(e, 'fenced'));
    await subject.store.log.append('new', [fenceOf(topic, 2)], [entry(topic, 2, { epoch: 2 })]);
    await old.close();
  });

  it('whatever the interleaving of claims and appends, epochs in a log never go down', async () => {
    const stores = await Promise.all([subject.open(subject.url), subject.open(subject.url), subject.open(subject.url)]);
    const step = fc.record({ owner: fc.nat(2), claim: fc.boolean(), pause: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const topic = newTopic();
        const owners = stores.map((store, i) => new Owner(store, `o${i}`, topic));
        const epochs = { last: 0 };
        for (const { owner, claim, pause } of steps) {
          owners[owner]!.enqueue(claim, epochs);
          for (let i = 0; i < pause; i++) await new Promise(setImmediate);
        }
        await Promise.all(owners.map((o) => o.idle()));
        const log = await subject.store.log.read(topic, 0, 1_000);
        assert.deepEqual(
          log.map((e) => e.epoch),
          log.map((e) => e.epoch).sort((x, y) => x - y),
        );
        assert.deepEqual(
          log.map((e) => e.seq),
          log.map((_, i) => i + 1),
        );
        const acknowledged = owners.flatMap((o) => o.acknowledged).sort((x, y) => x - y);
        assert.deepEqual(
          acknowledged,
          log.map((e) => e.seq),
        );
      }),
      { numRuns: 15, interruptAfterTimeLimit: 20_000 },
    );
    await Promise.all(stores.map((s) => s.close()));
  });
}

/** Claims at ever higher epochs and appends at the one that it last held, however stale. */
class Owner {
  readonly acknowledged: number[] = [];
  readonly #store: Store;
  readonly #name: string;
  readonly #topic: TopicId;
  #epoch = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(store: Store, name: string, topic: TopicId) {
    this.#store = store;
    this.#name = name;
    this.#topic = topic;
  }

  enqueue(claim: boolean, epochs: { last: number }): void {
    this.#last = this.#last.then(() => (claim ? this.#claim(++epochs.last) : this.#append()));
  }

  idle(): Promise<void> {
    return this.#last;
  }

  async #claim(epoch: number): Promise<void> {
    const slot = slotOf(this.#topic);
    if ((await this.#store.log.claim(this.#name, [{ ring: RING, slot, epoch }])).has(slot)) this.#epoch = epoch;
  }

  async #append(): Promise<void> {
    if (this.#epoch === 0) return;
    const head = (await this.#store.log.heads([this.#topic])).get(this.#topic)!;
    const next = entry(this.#topic, head.seq + 1, { epoch: this.#epoch });
    try {
      await this.#store.log.append(this.#name, [fenceOf(this.#topic, this.#epoch)], [next]);
      this.acknowledged.push(next.seq);
    } catch (e: unknown) {
      if (!hasCode(e, 'fenced') && !hasCode(e, 'store_conflict')) throw e;
    }
  }
}
