import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerLink } from './peer-link.ts';
import { type Asker, SubscribeTurns } from './subscribe-turns.ts';

const peer = { address: 'a' } as PeerLink;
const other = { address: 'b' } as PeerLink;

/** `count` askers of the slots 0 to `slots` - 1 in turn, that ask `at` whenever it is their turn. */
function askers(turns: SubscribeTurns, count: number, slots: number, at: { peer: PeerLink }) {
  const asking = new Set<Asker>();
  const all = Array.from({ length: count }, (_, i): Asker => {
    const asker = {
      slotKey: `r ${i % slots}`,
      turn: (): void => {
        if (!asking.has(asker) && !turns.parks(asker) && turns.take(asker, at.peer)) asking.add(asker);
      },
    };
    return asker;
  });
  for (const asker of all) asker.turn();
  return { all, asking };
}

test('a link has few requests in flight; each answer lets the next one go', () => {
  const turns = new SubscribeTurns();
  const { asking } = askers(turns, 200, 200, { peer });
  assert.equal(asking.size, 64);
  const served: Asker[] = [];
  for (const asker of asking) {
    served.push(asker);
    turns.answered(peer);
    turns.open(asker.slotKey);
    assert.ok(asking.size - served.length <= 64);
  }
  assert.equal(served.length, 200);
});

test('of a slot that nobody serves one asks again, until there is news of it', () => {
  const turns = new SubscribeTurns();
  const { all, asking } = askers(turns, 50, 1, { peer });
  let probers = 0;
  for (const asker of [...asking]) {
    turns.answered(peer);
    asking.delete(asker);
    if (turns.refused(asker)) probers++;
  }
  assert.equal(probers, 1);
  for (const asker of all) asker.turn();
  assert.deepEqual([...asking], [all[0]], 'the prober');
  turns.open('r 1');
  assert.equal(asking.size, 1);
  turns.open('r 0');
  assert.equal(asking.size, 50);
});

test('a prober that leaves lets the others go on', () => {
  const turns = new SubscribeTurns();
  const { all, asking } = askers(turns, 2, 1, { peer });
  for (const asker of all) {
    turns.answered(peer);
    asking.delete(asker);
    turns.refused(asker);
  }
  turns.leave(all[0]!);
  assert.deepEqual([...asking], [all[1]]);
});

test('who waits for a link that goes down asks elsewhere', () => {
  const turns = new SubscribeTurns();
  const at = { peer };
  const { asking } = askers(turns, 100, 100, at);
  at.peer = other;
  turns.peerDown(peer);
  assert.equal(asking.size, 100);
});

test('when one topic of the slot is served the others go on at once, the one that asks again included', () => {
  const turns = new SubscribeTurns();
  const turned: string[] = [];
  const [prober, found, parked] = ['prober', 'found', 'parked'].map((name) => ({
    slotKey: 'r 0',
    turn: () => void turned.push(name),
  }));
  assert.deepEqual(
    [turns.refused(prober!), turns.parks(found!), turns.parks(parked!), turns.parks(prober!)],
    [true, true, true, false],
  );
  turns.open('r 0', found);
  assert.deepEqual(turned, ['prober', 'parked']);
  turns.open('r 0');
  assert.equal(turned.length, 2);
});
