// The proof behind docs/adr/0001: `hash-ring` sends all string keys to one server. If this fails, read that page again.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

interface BrokenRing {
  addNode(name: string): void;
  getNode(key: string): string | { toString(): string } | undefined;
}
type Constructor = new (nodes: string[]) => BrokenRing;

const require = createRequire(import.meta.url);
const SERVERS = Array.from({ length: 10 }, (_, i) => `channel-${i}`);
const KEYS = Array.from({ length: 20_000 }, (_, i) => `C${(1_000_000_000 + i * 7919).toString(36).toUpperCase()}`);

test('hash-ring 1.0.1 puts every channel on the same server', () => {
  const HashRing = require('hash-ring') as Constructor;
  const ring = new HashRing(SERVERS);
  assert.equal(new Set(KEYS.map((key) => JSON.stringify(ring.getNode(key)))).size, 1);
});

test('hashring 3.2.0 spreads, but not within the bound that the ring promises', () => {
  const HashRing = require('hashring') as new (nodes: string[]) => { get(key: string): string };
  const ring = new HashRing(SERVERS);
  const counts = new Map<string, number>();
  for (const key of KEYS) counts.set(ring.get(key), (counts.get(ring.get(key)) ?? 0) + 1);
  assert.equal(counts.size, SERVERS.length);
  assert.ok(Math.max(...counts.values()) / (KEYS.length / SERVERS.length) > 1.01);
});
