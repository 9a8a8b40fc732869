import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Heartbeat } from '../contract/ring-store.ts';
import { Processes } from './processes.ts';

const POLL_MS = 1_000;
const row = (incarnation: string, counter: number, sockets: number): Heartbeat => ({
  ...{ incarnation, role: 'gateway', pod: incarnation, cell: 'c', zone: 'z', ring: '', address: '', weight: 1 },
  ...{ counter, state: 'serving', load: { sockets, slots: 0, topics: 0, perSecond: 0 } },
});
const names = (rows: readonly Heartbeat[]): string[] => rows.map((r) => r.incarnation);

/** Polls until `untilS`; those named in `silent` beat no more from the start on. */
function polled(ready: readonly string[], silent: readonly string[], untilS: number) {
  const processes = new Processes(POLL_MS, () => new Set(ready));
  let ended: string[] = [];
  for (let s = 0; s <= untilS; s++) {
    const beat = (incarnation: string) => row(incarnation, silent.includes(incarnation) ? 0 : s, 7);
    ended = processes.observe(['a/1', 'b/1', 'c/1'].map(beat), s * POLL_MS, 0);
  }
  return { processes, ended };
}

test('a process that is silent while its Pod is Ready serves on: it counts as it was last heard, and is kept', () => {
  const { processes, ended } = polled(['a', 'b', 'c'], ['c/1'], 120);
  assert.deepEqual(names(processes.alive()), ['a/1', 'b/1']);
  assert.deepEqual(names(processes.serving()), ['a/1', 'b/1', 'c/1']);
  assert.equal(processes.serving().at(-1)!.load.sockets, 7);
  assert.deepEqual(ended, []);
});

test('one whose Pod is not Ready, or gone, does not count, and goes after a while', () => {
  assert.deepEqual(names(polled(['a', 'b'], ['c/1'], 10).processes.serving()), ['a/1', 'b/1']);
  assert.deepEqual(polled(['a', 'b'], ['c/1'], 60).ended, []);
  assert.deepEqual(polled(['a', 'b'], ['c/1'], 70).ended, ['c/1']);
});

test('of a Pod whose container was started again the new process counts, and of several silent ones one', () => {
  const processes = new Processes(POLL_MS, () => new Set(['a', 'b', 'c']));
  const at = (s: number): Heartbeat[] => [
    ...[row('a/1', 0, 5), row('a/2', s, 6)],
    ...[row('b/1', 0, 5), row('b/2', 0, 6)],
    ...[row('c/1', s, 1), row('d/1', s, 1), row('e/1', s, 1)],
  ];
  let ended: string[] = [];
  for (let s = 0; s <= 70; s++) ended = processes.observe(at(s), s * POLL_MS, 0);
  assert.deepEqual(names(processes.serving()), ['a/2', 'c/1', 'd/1', 'e/1', 'b/2']);
  assert.deepEqual(ended, ['a/1'], 'the one that was replaced goes');
});
