import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BadZone } from './judge.ts';
import { Suspicion } from './suspicion.ts';

const bad = (zone: string, errorRate = 0.2): { badZone: BadZone; wellZones: string[] } => ({
  wellZones: [],
  badZone: { zone, errorRate, observers: ['zone-a', 'zone-c'], hops: ['edge'] },
});
const well = { badZone: undefined, wellZones: ['zone-a', 'zone-b', 'zone-c'] };
const suspects = (s: Suspicion): string[] => [...s.suspects.keys()];

test('a zone is suspect until it has been well for long enough, and keeps its first evidence', () => {
  const s = new Suspicion(30_000);
  s.observe(bad('zone-b', 0.2), 0);
  s.observe(bad('zone-b', 0.7), 10_000);
  assert.equal(s.suspects.get('zone-b')?.evidence?.errorRate, 0.2);
  s.observe(well, 20_000);
  s.observe(well, 30_000);
  s.observe(bad('zone-b'), 35_000); // begins anew
  for (const at of [45_000, 55_000, 64_000]) s.observe(well, at);
  assert.deepEqual(suspects(s), ['zone-b']);
  s.observe(well, 65_000);
  assert.deepEqual(suspects(s), []);
});

test('time without figures makes nobody well', () => {
  const s = new Suspicion(30_000);
  s.observe(bad('zone-b'), 0);
  for (let at = 10_000; at <= 600_000; at += 10_000) s.observe(undefined, at);
  s.observe(well, 610_000);
  assert.deepEqual(suspects(s), ['zone-b']);
});

test('nor does time in which nothing is known of the zone', () => {
  const s = new Suspicion(30_000);
  s.observe(bad('zone-b'), 0);
  const silent = { badZone: undefined, wellZones: ['zone-a', 'zone-c'] };
  for (let at = 10_000; at <= 600_000; at += 10_000) s.observe(silent, at);
  s.observe(well, 610_000);
  assert.deepEqual(suspects(s), ['zone-b']);
});

test('a zone without a Cell is forgotten: nothing would ever make it well', () => {
  const s = new Suspicion(30_000);
  s.observe(bad('zone-b'), 0);
  s.keepOnly(new Set(['zone-a', 'zone-b']));
  assert.deepEqual(suspects(s), ['zone-b']);
  s.keepOnly(new Set(['zone-a']));
  assert.deepEqual(suspects(s), []);
});

test('what was inherited clears like what was seen', () => {
  const s = new Suspicion(30_000);
  s.inherit(['zone-c']);
  s.observe(well, 0);
  s.observe(well, 29_000);
  assert.deepEqual([suspects(s), s.suspects.get('zone-c')?.evidence], [['zone-c'], undefined]);
  s.observe(well, 30_000);
  assert.deepEqual(suspects(s), []);
});
