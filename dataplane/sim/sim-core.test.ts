import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../cells/contract/clock.ts';
import { SimNetwork } from './network.ts';
import { SimProcess } from './process.ts';
import { Scheduler } from './scheduler.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimStore } from './store.ts';

function world(seed: string) {
  const random = new SeededRandom(seed);
  const scheduler = new Scheduler(random.fork('scheduler'));
  const network = new SimNetwork(scheduler, random.fork('network'));
  const process = (name: string, zone = name): SimProcess =>
    new SimProcess({ name, zone, skewMs: 0 }, scheduler, random.fork(name), (_p, e) => {
      throw e;
    });
  return { random, scheduler, network, process };
}

test('random: a seed repeats itself, forks are independent, draws are spread', () => {
  const draws = (seed: string): number[] =>
    Array.from(
      { length: 1000 },
      (
        (r) => () =>
          r.next()
      )(new SeededRandom(seed)),
    );
  assert.deepEqual(draws('1'), draws('1'));
  assert.notDeepEqual(draws('1'), draws('2'));
  const mean = draws('3').reduce((a, b) => a + b) / 1000;
  assert.ok(mean > 0.45 && mean < 0.55, String(mean));
  const parent = new SeededRandom('4');
  const before = parent.fork('x').next();
  parent.next();
  assert.equal(parent.fork('x').next(), before);
});

test('scheduler: by time, ties by the seed, promises settle in between', async () => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const { scheduler } = world(String(seed));
    const seen: string[] = [];
    scheduler.after(5, () => seen.push('late'));
    for (const name of ['a', 'b', 'c']) scheduler.after(1, () => seen.push(name));
    scheduler.after(2, () => void Promise.resolve().then(async () => seen.push(await 'promise')));
    scheduler.after(3, () => seen.push('after'));
    scheduler.after(4, () => seen.push('never')).cancel();
    await scheduler.run(10);
    assert.deepEqual(seen.slice(3), ['promise', 'after', 'late']);
    assert.equal(scheduler.now, 10);
    orders.add(seen.slice(0, 3).join(''));
  }
  assert.ok(orders.size > 1);
});

test('process: stopped holds timers and continues late and in order; killed is silent', async () => {
  const { scheduler, process } = world('p');
  const p = process('p');
  const seen: string[] = [];
  const { clock } = p;
  clock.every(10, () => seen.push(`tick@${Math.round(scheduler.now)}`));
  clock.after(15, () => seen.push('once'));
  scheduler.after(12, () => p.stop());
  scheduler.after(50, () => p.enter(() => seen.push('frame')));
  scheduler.after(100, () => p.continue());
  scheduler.after(125, () => p.kill());
  await scheduler.run(1000);
  assert.deepEqual(seen, ['tick@10', 'once', 'tick@100', 'frame', 'tick@110', 'tick@120']);
});

test('links: whole, in order, late through a cut, broken by a death', async () => {
  const { scheduler, network, process } = world('l');
  const [a, b] = [process('a'), process('b')];
  const got: string[] = [];
  let closed = '';
  await network
    .transport(b)
    .listen('b:1', (link) => link.handle({ frame: (f) => got.push(Buffer.from(f).toString()), closed: () => {} }));
  const connecting = network.transport(a).connect('b:1');
  await scheduler.run(500);
  const link = await connecting;
  link.handle({ frame: () => {}, closed: (reason) => (closed = reason) });
  for (let i = 0; i < 50; i++) link.send(Buffer.from(String(i)));
  await scheduler.run(1000);
  assert.deepEqual(
    got,
    Array.from({ length: 50 }, (_, i) => String(i)),
  );
  network.setCut('a', 'b', true);
  link.send(Buffer.from('x'));
  await scheduler.run(5000);
  assert.equal(got.length, 50);
  assert.equal(link.bufferedBytes(), 1);
  network.setCut('a', 'b', false);
  await scheduler.run(6000);
  assert.equal(got.at(-1), 'x');
  assert.equal(closed, '');
  b.kill();
  await scheduler.run(7000);
  assert.equal(closed, 'connection reset');
  const refused = assert.rejects(network.transport(a).connect('b:1'), { code: 'link_lost' });
  await scheduler.run(8000);
  await refused;
});

test('store: calls take virtual time; an outage rejects; a lost answer may have been done', async () => {
  const { scheduler, random, process } = world('s');
  const opening = SimStore.open(scheduler, random, {
    claimed: () => {},
    appended: () => {},
    tableCommitted: () => {},
  });
  const store = await opening;
  const p = process('p');
  const mine = store.for(p);
  let wall = 0;
  void mine.wallMs().then((ms) => (wall = ms));
  await scheduler.run(1000);
  assert.ok(wall > 0);
  store.setDown(true);
  const failed = assert.rejects(mine.wallMs(), { code: 'store_unavailable' });
  await scheduler.run(5000);
  await failed;
  store.setDown(false);
  store.lossRate = 0.5;
  const outcomes: boolean[] = [];
  for (let i = 1; i <= 40; i++)
    void mine.log.claim('me', [{ ring: 'r', slot: i, epoch: 1 }]).then(
      () => outcomes.push(true),
      () => outcomes.push(false),
    );
  await scheduler.run(20_000);
  assert.equal(outcomes.length, 40);
  const answered = outcomes.filter(Boolean).length;
  const held = await store.real.log.claim(
    'other',
    Array.from({ length: 40 }, (_, i) => ({ ring: 'r', slot: i + 1, epoch: 1 })),
  );
  assert.ok(answered < 40 - held.size, `${answered} answered, ${40 - held.size} done`);
});

test('sleep works on the virtual clock', async () => {
  const { scheduler, process } = world('z');
  let at = 0;
  void sleep(process('p').clock, 250).then(() => (at = scheduler.now));
  await scheduler.run(1000);
  assert.equal(at, 250);
});
