import assert from 'node:assert/strict';
import { test } from 'node:test';
import { portsOf, zonesOf } from './layout.ts';
import { type Fault, linkBetween, nftRules, withFault } from './nft-rules.ts';

const rules = (faults: Fault[]): string =>
  nftRules({ table: 'chatcells', block: 0, zones: zonesOf(0), ports: portsOf(0), faults });

test('without faults the table is only removed', () => {
  assert.equal(rules([]), 'table inet chatcells {}\ndelete table inet chatcells\n');
});

test('a cut marks both directions by group id and drops what is marked', () => {
  const text = rules([{ link: ['zone-a', 'zone-b'], lossPercent: 100 }]);
  assert.match(text, /meta skgid 2001 ip daddr 127\.2\.0\.0\/24 ct mark set 0x43000012/);
  assert.match(text, /meta skgid 2002 ip daddr 127\.1\.0\.0\/24 ct mark set 0x43000012/);
  assert.match(text, /hook prerouting[^}]*ct mark 0x43000012 counter drop/, 'dropped where it arrives');
  assert.match(text, /meta skgid != 2001 ip daddr 127\.2\.0\.0\/24 ct mark 0x43000012 ct mark set 0/);
  assert.doesNotMatch(text, /2003/);
});

test('a lossy link drops by chance, and the store is a port', () => {
  const text = rules([{ link: ['zone-c', 'store'], lossPercent: 30 }]);
  assert.match(text, /meta skgid 2003 ip daddr 127\.0\.0\.1 tcp dport 17003 ct mark set 0x43000034/);
  assert.match(text, /ct mark 0x43000034 numgen random mod 100 < 30 counter drop/);
});

test('a link has one name whichever way it is given, and store and api have none between them', () => {
  assert.deepEqual(linkBetween('zone-b', 'zone-a'), ['zone-a', 'zone-b']);
  assert.deepEqual(linkBetween('store', 'zone-a'), ['zone-a', 'store']);
  assert.throws(() => linkBetween('store', 'api'), /no link/);
  assert.throws(() => linkBetween('zone-a', 'zone-a'), /no link/);
  assert.throws(() => linkBetween('zone-a', 'zone-x'), /zone-x/);
});

test('a newer fault replaces the older of its link, and 0 heals', () => {
  const cut: Fault = { link: ['zone-a', 'zone-b'], lossPercent: 100 };
  const lossy: Fault = { ...cut, lossPercent: 5 };
  assert.deepEqual(withFault([cut], lossy), [lossy]);
  assert.deepEqual(withFault([cut], { ...cut, lossPercent: 0 }), []);
});
