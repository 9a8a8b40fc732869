import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoadCounters } from './counters.ts';
import { METRIC } from './messages.ts';

const PEER = { role: 'channel', address: '127.0.0.1:7000', cell: 'cell-a', zone: 'zone-a' } as const;

/** Of the report that is due: requests and errors by workspace. */
function workspacesOf(counters: LoadCounters): Record<string, [number, number]> {
  const stats = counters.take().flatMap((c) => c.upstream_locality_stats.flatMap((l) => l.upstream_endpoint_stats));
  const named = stats
    .flatMap((s) => s.load_metric_stats ?? [])
    .filter((m) => m.metric_name.startsWith(METRIC.workspace));
  return Object.fromEntries(
    named.map((m) => [
      m.metric_name.slice(METRIC.workspace.length),
      [m.num_requests_finished_with_metric ?? 0, m.total_metric_value ?? 0],
    ]),
  );
}

test('after an error the workspaces are named in reports without one too, until nothing has failed for long', () => {
  const counters = new LoadCounters({ slowMs: 1_000 });
  const peer = counters.peer(PEER);
  const calm = (): Record<string, [number, number]> => {
    peer.succeeded(5, 10, 'T1');
    peer.succeeded(2, 10, 'T2');
    return workspacesOf(counters);
  };
  assert.deepEqual(calm(), {}, 'a healthy peer costs nothing');
  peer.failed(1, 10, 'T1');
  assert.deepEqual(calm(), { T1: [6, 1], T2: [2, 0] });
  assert.deepEqual(calm(), { T1: [5, 0], T2: [2, 0] }, 'its errors are a share of these too');
  for (let i = 0; i < 30; i++) calm();
  assert.deepEqual(calm(), {});
});

test('of many workspaces those with most errors are named, and of as many those with most requests', () => {
  const counters = new LoadCounters({ slowMs: 1_000 });
  const peer = counters.peer(PEER);
  peer.failed(1, 0, 'T9');
  for (const [i, workspace] of ['T1', 'T2', 'T3', 'T4'].entries()) peer.succeeded(i + 1, 0, workspace);
  assert.deepEqual(workspacesOf(counters), { T9: [1, 1], T4: [4, 0], T3: [3, 0] });
});
